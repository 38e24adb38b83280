// Sends one request to the API and lists every mismatch between the response and the contract.
//   OPENAI_API_KEY=sk-… npm run contract:verify                    creates an Upload of one byte, and cancels that
//   OPENAI_API_KEY=sk-… npm run contract:verify -- upload_…
//   OPENAI_API_KEY=sk-… npm run contract:verify -- --operation completeUpload --body '{"part_ids":["part_…"]}' upload_…
// Exits with 0 if the response is a success as the contract describes it, 1 if there are mismatches, 2 if there was no
// response, and 3 if it's an error as described.
//
// Prism's proxy can't do this: it follows redirects, hides the API's own status, and ignores unknown fields.
import { parseArgs } from "node:util";
import { Ajv2020, type ErrorObject, type Options } from "ajv/dist/2020.js";
import OpenAI from "openai";
import { readBody, TOO_LONG } from "../../src/body.js";
import { checkSegment, createClient } from "../../src/client.js";
import { excerpt, oneLine } from "../../src/text.js";
import { type Contract, type Endpoint, endpointsOf, readContract } from "./contract.js";
import { type Outcome, runScript } from "./redocly.js";

const [SUCCESS, MISMATCH, NOT_VERIFIED, ERROR_VERIFIED] = [0, 1, 2, 3] as const;
const OPTIONS = { operation: { type: "string" }, body: { type: "string" } } as const;
const [JSON_TYPE, FORM_TYPE] = ["application/json", "multipart/form-data"] as const;
/** The operation that needs no ID, because it can cancel an Upload made for it: the API can't list those that are pending. */
const CANCEL = "cancelUpload";
const ONE_BYTE = { filename: "verify.txt", bytes: 1, mime_type: "text/plain", purpose: "assistants" } as const;
/** In ms. */
const TIMEOUT = 60_000;
/** How many mismatches are listed. */
const MAX_LISTED = 20;
/** Shorter parts of the key aren't hidden, because ordinary words can contain them. In characters. */
const MIN_KEY_PART = 6;

const notVerified = ({ message }: Error): Outcome => ({ exitCode: NOT_VERIFIED, output: oneLine(message) });

export async function verify(
  contract: Contract,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  log: (text: string) => void = () => {},
): Promise<Outcome> {
  const key = env["OPENAI_API_KEY"]?.trim() ?? "";
  const api = env["OPENAI_BASE_URL"]?.trim().replace(/\/+$/, "") || contract.servers?.[0]?.url || "";
  const { exitCode, output } = await run().catch(notVerified);
  return { exitCode, output: hide(key, output) };

  async function run(): Promise<Outcome> {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
    if (key === "") throw new Error("Set OPENAI_API_KEY to an API key.");
    createClient({ apiKey: key, baseUrl: api }); // Throws if they can't be used.
    const needsUpload = positionals.length === 0 && (values.operation ?? CANCEL) === CANCEL;
    const endpoint = chooseEndpoint(contract, needsUpload ? CANCEL : values.operation);
    if (!needsUpload) return call(endpoint, positionals, values.body);

    const account = { apiKey: key, baseURL: api, organization: null, project: null };
    const openai = new OpenAI({ ...account, maxRetries: 0, timeout: TIMEOUT, fetchOptions: { redirect: "manual" } });
    const { id } = await openai.uploads.create(ONE_BYTE).catch(({ message }: Error) => {
      throw new Error(`There is no Upload to cancel, because creating one failed: ${excerpt(message)}`);
    });
    checkSegment("the created Upload's id", id);
    log(hide(key, oneLine(`Created the Upload ${id} to cancel it`))); // named, in case this is stopped
    const verdict = await call(endpoint, [id]).catch(notVerified);
    if (verdict.exitCode === SUCCESS) return verdict;
    // 400 means that it's no longer pending.
    const isLeft = await openai.uploads.cancel(id).catch(({ status }) => status !== 400);
    const left = `\nThe Upload ${id} may still be pending. Cancel it, or let it expire within an hour.`;
    return isLeft === true ? { ...verdict, output: verdict.output + left } : verdict;
  }

  async function call(endpoint: Endpoint, values: readonly string[], fields?: string): Promise<Outcome> {
    const ids = idsIn(endpoint.path, values);
    const path = endpoint.path.replaceAll(/{(.+?)}/g, (_, name: string) => encodeURIComponent(ids[name] ?? ""));
    const body = bodyOf(endpoint.requestBody, fields);
    const headers = { authorization: `Bearer ${key}` };
    const signal = AbortSignal.timeout(TIMEOUT);
    // A redirect isn't followed: it's a response to verify, and the key must not travel.
    const init = { method: endpoint.method, headers, body, redirect: "manual", signal } as const;
    const response = await fetch(api + path, init).catch((error) => {
      throw new Error(`There was no response: ${error.cause?.message ?? error.message}`);
    });
    const text = await readBody(response, signal).catch(() => undefined);
    const mismatches = mismatchesOf(endpoint, ids, response, text);
    const answered = `${api} answered ${response.status}`;
    if (mismatches.length === 0) {
      if (response.ok) return { exitCode: SUCCESS, output: `${answered}, as the contract says.` };
      const output = `${answered}, as the contract says. This verifies the error, but not a success.`;
      return { exitCode: ERROR_VERIFIED, output };
    }
    const list = mismatches.slice(0, MAX_LISTED).map((mismatch) => `\n- ${oneLine(excerpt(mismatch))}`);
    if (mismatches.length > MAX_LISTED) list.push(`\n- and ${mismatches.length - MAX_LISTED} more`);
    return { exitCode: MISMATCH, output: `${answered}. The response doesn't match the contract:${list.join("")}` };
  }
}

function chooseEndpoint(contract: Contract, operation: string | undefined): Endpoint {
  const endpoints = endpointsOf(contract);
  const chosen = endpoints.filter(({ operationId }) => operation === undefined || operationId === operation);
  if (chosen[0] && chosen.length === 1) return chosen[0];
  const names = endpoints.map(({ operationId }) => operationId).join(", ");
  throw new Error(`Choose one operation of the contract with --operation: ${names}.`);
}

type Ids = Readonly<Record<string, string>>;

/** The values of a path's parameters, in the path's order. */
function idsIn(path: string, values: readonly string[]): Ids {
  const names = [...path.matchAll(/{(.+?)}/g)].map(([, name = ""]) => name);
  if (values.length !== names.length) {
    const list = names.map((name) => `<${name}>`).join(" ");
    throw new Error(`Give a value for each parameter: npm run contract:verify -- ${list}`);
  }
  const ids = names.map((name, index): [string, string] => [name, values[index] ?? ""]);
  for (const [name, value] of ids) checkSegment(name, value);
  return Object.fromEntries(ids);
}

/** The body in the form that the contract asks for, from JSON with its fields. */
function bodyOf(requestBody: Endpoint["requestBody"], text?: string): Blob | FormData | null {
  if (requestBody === undefined || (text === undefined && !requestBody.required)) return null;
  const [type = "", { schema = {} } = {}] =
    Object.entries(requestBody.content).find(([known]) => known === JSON_TYPE || known === FORM_TYPE) ?? [];
  if (type === "") throw new Error(`This can't send ${Object.keys(requestBody.content).join(" or ")}.`);
  const fields = text === undefined ? undefined : parseJson(text);
  const problems = problemsWith(schema, fields);
  if (problems.length > 0) {
    throw new Error(`Give the body that the contract describes with --body '{…}': ${problems.join("; ")}.`);
  }
  if (type === JSON_TYPE) return new Blob([JSON.stringify(fields)], { type });
  const form = new FormData();
  for (const [name, value] of Object.entries(Object(fields))) {
    const field = typeof value === "string" ? value : JSON.stringify(value);
    const isFile = Object(schema).properties?.[name]?.format === "binary";
    form.set(name, isFile ? new Blob([field]) : field);
  }
  return form;
}

function mismatchesOf({ responses }: Endpoint, ids: Ids, response: Response, text: string | undefined): string[] {
  const { status } = response;
  // A status that only `default` documents is a mismatch too, so that the contract learns to name every status that occurs.
  const named = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
  const { headers = {}, content = {} } = named ?? responses["default"] ?? {};
  const mismatches: string[] = [];
  if (status >= 300 && status < 400) mismatches.push("The response is a redirect, which wasn't followed");
  if (named === undefined) mismatches.push(`The contract doesn't name the status ${status}`);

  for (const [name, { required, schema }] of Object.entries(headers)) {
    const value = response.headers.get(name);
    if (value !== null) mismatches.push(...problemsWith(schema, value, `The header ${name}`));
    else if (required) mismatches.push(`The header ${name} is missing`);
  }

  const mediaType = response.headers.get("content-type")?.split(";")[0]?.trim() ?? "";
  const documented = content[mediaType.toLowerCase()];
  if (text === undefined) mismatches.push("The body is incomplete");
  else if (text === TOO_LONG) mismatches.push(`There is ${TOO_LONG}`);
  else if (Object.keys(content).length === 0) {
    if (text !== "") mismatches.push("There is a body, but the contract describes none");
  } else if (documented === undefined) {
    const expected = Object.keys(content).join(", ");
    mismatches.push(`The content-type is ${mediaType ? `"${mediaType}"` : "missing"}, not ${expected}`);
  } else if (mediaType.toLowerCase().endsWith("json")) {
    const body = parseJson(text);
    // Without the parser's message, which quotes the start of the body, and that can be part of the key.
    if (body === undefined) mismatches.push("The body isn't JSON");
    else mismatches.push(...problemsWith(documented.schema, body), ...(response.ok ? otherIds(ids, body) : []));
  }
  return mismatches;
}

/** A successful response is about the object in the path, whose ID it has as `upload_id` (like the parameter) or as `id`. */
function otherIds(ids: Ids, body: unknown): string[] {
  return Object.entries(ids).flatMap(([name, value]) => {
    const field = name in Object(body) ? name : "id";
    const id: unknown = Object(body)[field];
    return typeof id === "string" && id !== value ? [`${field} is "${id}", not "${value}"`] : [];
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const AJV_OPTIONS: Options = { strict: false, strictNumbers: true, allErrors: true, validateFormats: false };
const ajv = new Ajv2020(AJV_OPTIONS);
const ajvForText = new Ajv2020({ ...AJV_OPTIONS, coerceTypes: true });

/** What's wrong with a value, or with the text of a header, by a schema that is closed to fields it doesn't name. */
export function problemsWith(schema: object, value: unknown, header?: string): string[] {
  const isValid = (header ? ajvForText : ajv).compile(closed(schema));
  if (isValid(value)) return [];
  const errors = isValid.errors ?? [];
  // If no alternative of an `anyOf` fits, only what's wrong with the value is of interest: not that it isn't null either.
  const choices = new Set(errors.flatMap(({ keyword, instancePath }) => (keyword === "anyOf" ? [instancePath] : [])));
  const isConsequence = ({ keyword, instancePath, params }: ErrorObject) =>
    choices.has(instancePath) && (/^(anyOf|unevaluatedProperties)$/.test(keyword) || params["type"] === "null");
  const problems = errors
    .filter((error) => !isConsequence(error))
    .map(({ keyword, instancePath, message, params }) => {
      const where = header ?? (instancePath.slice(1).replaceAll("/", ".") || "The body");
      if (keyword === "unevaluatedProperties") {
        return `${where} has the field ${JSON.stringify(params["unevaluatedProperty"])}, which the contract doesn't have`;
      }
      const allowed: unknown = params["allowedValues"] ?? params["allowedValue"];
      return `${where} ${message}${allowed === undefined ? "" : `: ${JSON.stringify(allowed)}`}`;
    });
  return [...new Set(problems)]; // the parts of an allOf can report the same
}

/** The schema, but closed to fields that it doesn't name, at any depth. */
function closed(schema: object): object {
  return close(
    JSON.parse(JSON.stringify(schema), (keyword, value) => {
      if (keyword === "items") return close(value);
      if (keyword !== "properties") return value;
      return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, close(field)]));
    }),
  );
}

function close(schema: unknown): object {
  return { ...Object(schema), unevaluatedProperties: false };
}

/** The text with the key, and every part of it, replaced. */
function hide(key: string, text: string): string {
  const parts = new Set<string>();
  for (let at = 0; at + MIN_KEY_PART <= key.length; at++) parts.add(key.slice(at, at + MIN_KEY_PART));
  let shown = "";
  let hiddenUntil = 0;
  for (let at = 0; at < text.length; at++) {
    const isPart = parts.has(text.slice(at, at + MIN_KEY_PART));
    if (isPart && at >= hiddenUntil) shown += "[OPENAI_API_KEY]";
    if (isPart) hiddenUntil = at + MIN_KEY_PART;
    if (at >= hiddenUntil) shown += text[at];
  }
  return shown;
}

await runScript(import.meta.filename, async (args) => verify(await readContract(), args, process.env, console.error));
