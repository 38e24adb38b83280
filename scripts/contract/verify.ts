// Sends one request to the API, and lists how the answer differs from the contract.
//   OPENAI_API_KEY=sk-… npm run contract:verify -- upload_…
//   OPENAI_API_KEY=sk-… npm run contract:verify -- --operation completeUpload --body '{"part_ids":["part_…"]}' upload_…
// For a binary field of a multipart body, give the name of a file. Exits with 0 if the answer was a success as the contract
// describes it, with 1 if it differs, with 2 if there was no answer, and with 3 if it was an error as described.
//
// Prism's proxy is no help here: it follows redirects, hides the API's own status, and ignores unknown fields.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { type Contract, type Endpoint, endpointsOf, readContract } from "./contract.js";

const SUCCESS = 0;
const DIFFERENT = 1;
const NOT_VERIFIED = 2;
const ERROR_VERIFIED = 3;

const TIMEOUT = 60_000;
/** Shorter parts of the key are not hidden, since they may be parts of ordinary words. In characters. */
const MIN_KEY_PART = 6;

export interface Verdict {
  readonly exitCode: number;
  readonly output: string;
}

/** Why nothing was verified, and what to do about it. */
class NotVerified extends Error {}

export async function verify(
  contract: Contract,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Verdict> {
  const key = env["OPENAI_API_KEY"]?.trim() ?? "";
  try {
    const api = env["OPENAI_BASE_URL"]?.trim() || contract.servers?.[0]?.url;
    const endpoint = chooseEndpoint(contract, args);
    const response = await send(requestOf(endpoint, args, api, key));
    const differences = await differencesOf(endpoint, response);
    const answered = `${api} answered ${response.status}`;
    if (differences.length > 0) {
      const list = differences.map((difference) => `\n- ${difference}`).join("");
      return verdict(DIFFERENT, `${answered}. The answer differs from the contract:${list}`);
    }
    if (response.ok) return verdict(SUCCESS, `${answered}, as the contract says.`);
    return verdict(ERROR_VERIFIED, `${answered}, as the contract says. This verifies that error, but no success.`);
  } catch (error) {
    if (error instanceof NotVerified) return verdict(NOT_VERIFIED, error.message);
    throw error;
  }

  function verdict(exitCode: number, text: string): Verdict {
    return { exitCode, output: hide(key, text) };
  }
}

function chooseEndpoint(contract: Contract, args: readonly string[]): Endpoint {
  const { operation } = parse(args).values;
  const endpoints = endpointsOf(contract);
  const chosen = endpoints.filter(({ operationId }) => operation === undefined || operationId === operation);
  if (chosen[0] && chosen.length === 1) return chosen[0];
  const names = endpoints.map(({ operationId }) => operationId).join(", ");
  throw new NotVerified(`Name one operation of the contract with --operation: ${names}.`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { operation: { type: "string" }, body: { type: "string" } },
    });
  } catch (error) {
    throw new NotVerified(error instanceof Error ? error.message : String(error));
  }
}

/** The request of the endpoint. The arguments are the values of its required parameters, in the order of the contract. */
function requestOf(
  { method, path, parameters, requestBody }: Endpoint,
  args: readonly string[],
  api: string | undefined,
  key: string,
): Request {
  const { values, positionals } = parse(args);
  const required = parameters.filter((parameter) => parameter.required);
  if (positionals.length !== required.length) {
    const names = required.map(({ name }) => `<${name}>`).join(" ");
    throw new NotVerified(`Give a value for each parameter: npm run contract:verify -- ${names}`);
  }
  if (!/^[!-~]+$/.test(key)) throw new NotVerified("Set OPENAI_API_KEY to an API key.");
  if (!api || !/^https?:\/\/[^@?#]+$/i.test(api) || !URL.canParse(api)) {
    throw new NotVerified("Set OPENAI_BASE_URL to an http(s) URL without user, query or fragment.");
  }

  let filledPath = path;
  const query = new URLSearchParams();
  const headers = new Headers({ authorization: `Bearer ${key}` });
  for (const [index, parameter] of required.entries()) {
    const value = positionals[index] ?? "";
    if (parameter.in === "query") query.set(parameter.name, value);
    else if (parameter.in === "header") headers.set(parameter.name, value);
    else if (/^\.{0,2}$/.test(value)) throw new NotVerified(`${parameter.name} must not be "", "." or "..".`);
    else filledPath = filledPath.replace(`{${parameter.name}}`, encodeURIComponent(value));
  }

  const url = `${api.replace(/\/$/, "")}${filledPath}${query.size > 0 ? `?${query}` : ""}`;
  const body = bodyOf(requestBody, values.body);
  if (typeof body === "string") headers.set("content-type", "application/json");
  // A redirect is not followed: it is an answer, and the key must not go elsewhere.
  return new Request(url, { method, headers, body, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) });
}

function bodyOf(requestBody: Endpoint["requestBody"], json: string | undefined): string | FormData | null {
  if (requestBody === undefined || (json === undefined && !requestBody.required)) return null;
  const [mediaType, { schema } = { schema: {} }] = Object.entries(requestBody.content)[0] ?? [];
  const body = json === undefined ? undefined : parseJson(json);
  const problems = problemsWith(schema, body);
  if (problems.length > 0) {
    throw new NotVerified(`Give the body that the contract describes, with --body '{…}': ${problems.join("; ")}.`);
  }
  if (mediaType !== "multipart/form-data") return JSON.stringify(body);

  const form = new FormData();
  const { properties = {} }: { properties?: Record<string, { format?: string }> } = schema;
  for (const [name, value] of Object.entries(Object(body))) {
    const text = String(value);
    if (properties[name]?.format === "binary") form.set(name, new Blob([readFileSync(text)]), basename(text));
    else form.set(name, text);
  }
  return form;
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const { cause = error } = Object(error);
    throw new NotVerified(`There was no answer: ${cause instanceof Error ? cause.message : cause}`);
  }
}

async function differencesOf({ responses }: Endpoint, response: Response): Promise<string[]> {
  const { status } = response;
  // A status that only `default` documents is a difference too, so that the contract comes to name those that occur.
  const named = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
  const { headers = {}, content = {} } = named ?? responses["default"] ?? {};
  const differences: string[] = [];
  if (status >= 300 && status < 400) differences.push("It is a redirect (not followed)");
  if (named === undefined) differences.push(`The contract doesn't name the status ${status}`);

  for (const [name, { required, schema }] of Object.entries(headers)) {
    const value = response.headers.get(name);
    if (value !== null) differences.push(...problemsWith(schema, value, `header ${name}`));
    else if (required) differences.push(`The header ${name} is missing`);
  }

  const mediaType = response.headers.get("content-type")?.split(";")[0]?.trim() ?? "";
  const documented = content[mediaType.toLowerCase()];
  const text = await response.text().catch(() => undefined);
  if (text === undefined) differences.push("The body is incomplete");
  else if (Object.keys(content).length === 0) {
    if (text !== "") differences.push("It has a body, but the contract describes none");
  } else if (documented === undefined) {
    const expected = Object.keys(content).join(", ");
    differences.push(`The content-type is ${mediaType ? `"${mediaType}"` : "missing"}, not ${expected}`);
  } else if (mediaType.toLowerCase().endsWith("json")) {
    const body = parseJson(text);
    // Without the parser's message, which quotes the start of the body and so perhaps a part of the key.
    differences.push(...(body === undefined ? ["The body isn't JSON"] : problemsWith(documented.schema, body)));
  }
  return differences;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
const ajvOfText = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, coerceTypes: true });

function problemsWith(schema: object, value: unknown, header?: string): string[] {
  const isValid = (header ? ajvOfText : ajv).compile(closed(schema));
  if (isValid(value)) return [];
  const errors = isValid.errors ?? [];
  return errors
    .filter((error) => !followsFromChoice(error, errors))
    .map(({ keyword, instancePath, message, params }) => {
      const where = header ?? (instancePath.slice(1).replaceAll("/", ".") || "The body");
      if (keyword === "unevaluatedProperties") {
        return `${where} has the field ${JSON.stringify(params["unevaluatedProperty"])}, which the contract doesn't have`;
      }
      const allowed: unknown = params["allowedValues"] ?? params["allowedValue"];
      return `${where} ${message}${allowed === undefined ? "" : `: ${JSON.stringify(allowed)}`}`;
    });
}

/** If no alternative of an `anyOf` fits, then all fields count as unknown. */
function followsFromChoice({ keyword, instancePath }: ErrorObject, errors: readonly ErrorObject[]): boolean {
  return (
    keyword === "unevaluatedProperties" &&
    errors.some((other) => /^(any|one)Of$/.test(other.keyword) && other.instancePath === instancePath)
  );
}

/** The schema, but without room for fields that it doesn't name, at any depth. */
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
  let hidden = text;
  for (let length = key.length; length >= MIN_KEY_PART; length--) {
    for (let start = 0; start + length <= key.length; start++) {
      hidden = hidden.replaceAll(key.slice(start, start + length), "[OPENAI_API_KEY]");
    }
  }
  return hidden;
}

if (import.meta.filename === process.argv[1]) {
  const contract = await readContract().catch((error: unknown) => {
    console.log(error instanceof Error ? error.message : error);
    process.exit(NOT_VERIFIED);
  });
  const { exitCode, output } = await verify(contract, process.argv.slice(2), process.env);
  console.log(output);
  process.exitCode = exitCode;
}
