// Sends one request to the API, and lists each way in which the answer departs from the contract.
//   OPENAI_API_KEY=sk-… npm run contract:verify -- upload_…
//   OPENAI_API_KEY=sk-… npm run contract:verify -- --operation completeUpload --body '{"part_ids":["part_…"]}' upload_…
// A binary field of a multipart body names a file. Exits with 0 if a success was verified, 1 if something departs,
// 2 if there was nothing to verify, and 3 if all that was verified is an error.
//
// Not by Prism's proxy: it follows redirects, hides the API's own status, and lets unknown fields pass.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { type Contract, type Endpoint, endpointsOf, readContract } from "./contract.js";

const SUCCESS = 0;
const DEPARTURES = 1;
const NOTHING_VERIFIED = 2;
const ERROR_VERIFIED = 3;

const TIMEOUT = 60_000;
/** The shortest part of the key that is hidden, in characters: a shorter one is found in the midst of words. */
const MIN_KEY_PART = 6;

export interface Verdict {
  readonly exitCode: number;
  readonly output: string;
}

/** Why nothing could be verified, and what to do about it. */
class NothingToVerify extends Error {}

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
    const departures = await departuresOf(endpoint, response);
    const answered = `${api} answered ${response.status}`;
    if (departures.length > 0) {
      const list = departures.map((departure) => `\n- ${departure}`).join("");
      return verdict(DEPARTURES, `${answered}. What departs from the contract:${list}`);
    }
    if (response.ok) return verdict(SUCCESS, `${answered}, as the contract says.`);
    return verdict(ERROR_VERIFIED, `${answered}, as the contract says. Only that error is verified, not a success.`);
  } catch (error) {
    if (error instanceof NothingToVerify) return verdict(NOTHING_VERIFIED, error.message);
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
  throw new NothingToVerify(`Name one operation of the contract with --operation: ${names}.`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { operation: { type: "string" }, body: { type: "string" } },
    });
  } catch (error) {
    throw new NothingToVerify(error instanceof Error ? error.message : String(error));
  }
}

/** The endpoint's request, with the arguments as the values of its required parameters, in the contract's order. */
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
    throw new NothingToVerify(`Give a value for each parameter: npm run contract:verify -- ${names}`);
  }
  if (!/^[!-~]+$/.test(key)) throw new NothingToVerify("Set OPENAI_API_KEY to an API key.");
  if (!api || !/^https?:\/\/[^@?#]+$/i.test(api) || !URL.canParse(api)) {
    throw new NothingToVerify("Set OPENAI_BASE_URL to an http(s) URL without user, query or fragment.");
  }

  let filledPath = path;
  const query = new URLSearchParams();
  const headers = new Headers({ authorization: `Bearer ${key}` });
  for (const [index, parameter] of required.entries()) {
    const value = positionals[index] ?? "";
    if (parameter.in === "query") query.set(parameter.name, value);
    else if (parameter.in === "header") headers.set(parameter.name, value);
    else if (/^\.{0,2}$/.test(value)) throw new NothingToVerify(`${parameter.name} must not be "", "." or "..".`);
    else filledPath = filledPath.replace(`{${parameter.name}}`, encodeURIComponent(value));
  }

  const url = `${api.replace(/\/$/, "")}${filledPath}${query.size > 0 ? `?${query}` : ""}`;
  const body = bodyOf(requestBody, values.body);
  if (typeof body === "string") headers.set("content-type", "application/json");
  // Nothing is followed: a redirect is an answer, and the key must not travel.
  return new Request(url, { method, headers, body, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) });
}

function bodyOf(requestBody: Endpoint["requestBody"], json: string | undefined): string | FormData | null {
  if (requestBody === undefined || (json === undefined && !requestBody.required)) return null;
  const [mediaType, { schema } = { schema: {} }] = Object.entries(requestBody.content)[0] ?? [];
  const body = json === undefined ? undefined : parseJson(json);
  const problems = problemsWith(schema, body);
  if (problems.length > 0)
    throw new NothingToVerify(`Give the body as the contract has it, with --body '{…}': ${problems.join("; ")}.`);
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
    throw new NothingToVerify(`There was no answer: ${cause instanceof Error ? cause.message : cause}`);
  }
}

async function departuresOf({ responses }: Endpoint, response: Response): Promise<string[]> {
  const { status } = response;
  // `default` documents every status. Here it doesn't, so that the contract comes to name those that occur.
  const named = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
  const { headers = {}, content = {} } = named ?? responses["default"] ?? {};
  const departures: string[] = [];
  if (status >= 300 && status < 400) departures.push("It is a redirect, which was not followed");
  if (named === undefined) departures.push(`The contract doesn't name the status ${status}`);

  for (const [name, { required, schema }] of Object.entries(headers)) {
    const value = response.headers.get(name);
    if (value !== null) departures.push(...problemsWith(schema, value, `header ${name}`));
    else if (required) departures.push(`The header ${name} is missing`);
  }

  const mediaType = response.headers.get("content-type")?.split(";")[0]?.trim() ?? "";
  const documented = content[mediaType.toLowerCase()];
  const text = await response.text().catch(() => undefined);
  if (text === undefined) departures.push("The body breaks off");
  else if (Object.keys(content).length === 0) {
    if (text !== "") departures.push("There is a body, of which the contract says nothing");
  } else if (documented === undefined) {
    const expected = Object.keys(content).join(", ");
    departures.push(`The content-type is ${mediaType ? `"${mediaType}"` : "missing"}, not ${expected}`);
  } else if (mediaType.toLowerCase().endsWith("json")) {
    const body = parseJson(text);
    // Without the parser's own words: they repeat the start of the body, which may be a part of the key.
    departures.push(...(body === undefined ? ["The body is no JSON"] : problemsWith(documented.schema, body)));
  }
  return departures;
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
        return `${where} has the field ${JSON.stringify(params["unevaluatedProperty"])}, which the contract doesn't`;
      }
      const allowed: unknown = params["allowedValues"] ?? params["allowedValue"];
      return `${where} ${message}${allowed === undefined ? "" : `: ${JSON.stringify(allowed)}`}`;
    });
}

/** Where no choice of an `anyOf` fits, none has said which fields there are. */
function followsFromChoice({ keyword, instancePath }: ErrorObject, errors: readonly ErrorObject[]): boolean {
  return (
    keyword === "unevaluatedProperties" &&
    errors.some((other) => /^(any|one)Of$/.test(other.keyword) && other.instancePath === instancePath)
  );
}

/** A schema that takes no field but those that it names, at whatever depth. */
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

/** The text without the key, and without any part of it. */
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
    process.exit(NOTHING_VERIFIED);
  });
  const { exitCode, output } = await verify(contract, process.argv.slice(2), process.env);
  console.log(output);
  process.exitCode = exitCode;
}
