// Sends one request to the API and lists every mismatch between the response and the contract.
//   OPENAI_API_KEY=sk-… npm run contract:verify -- upload_…
//   OPENAI_API_KEY=sk-… npm run contract:verify -- --operation completeUpload --body '{"part_ids":["part_…"]}' upload_…
// Exits with 0 if the response is a success as the contract describes it, 1 if there are mismatches, 2 if there was no
// response, and 3 if it's an error as described.
//
// Prism's proxy can't do this: it follows redirects, hides the API's own status, and ignores unknown fields.
import { parseArgs } from "node:util";
import { Ajv2020, type ErrorObject, type Options } from "ajv/dist/2020.js";
import { type Contract, type Endpoint, endpointsOf, readContract } from "./contract.js";

const [SUCCESS, MISMATCH, NOT_VERIFIED, ERROR_VERIFIED] = [0, 1, 2, 3] as const;
const OPTIONS = { operation: { type: "string" }, body: { type: "string" } } as const;
const TIMEOUT = 60_000;
/** Shorter parts of the key aren't hidden, because ordinary words can contain them. In characters. */
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
    const { values: options, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
    const endpoint = chooseEndpoint(contract, options.operation);
    const parameters = withValues(endpoint, positionals);
    const response = await send(requestOf(endpoint, parameters, options.body, api, key));
    const mismatches = await mismatchesOf(endpoint, parameters, response);
    const answered = `${api} answered ${response.status}`;
    if (mismatches.length > 0) {
      const list = mismatches.map((mismatch) => `\n- ${mismatch}`).join("");
      return verdict(MISMATCH, `${answered}. The response doesn't match the contract:${list}`);
    }
    if (response.ok) return verdict(SUCCESS, `${answered}, as the contract says.`);
    return verdict(ERROR_VERIFIED, `${answered}, as the contract says. This verifies the error, but not a success.`);
  } catch (error) {
    if (error instanceof NotVerified || isOfArguments(error)) return verdict(NOT_VERIFIED, error.message);
    throw error;
  }

  function verdict(exitCode: number, text: string): Verdict {
    return { exitCode, output: hide(key, text) };
  }
}

function isOfArguments(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}

function chooseEndpoint(contract: Contract, operation: string | undefined): Endpoint {
  const endpoints = endpointsOf(contract);
  const chosen = endpoints.filter(({ operationId }) => operation === undefined || operationId === operation);
  if (chosen[0] && chosen.length === 1) return chosen[0];
  const names = endpoints.map(({ operationId }) => operationId).join(", ");
  throw new NotVerified(`Choose one operation of the contract with --operation: ${names}.`);
}

type ParameterWithValue = Endpoint["parameters"][number] & { readonly value: string };

/** The parameters in the endpoint's path, in the order of the contract. */
function withValues({ parameters }: Endpoint, values: readonly string[]): ParameterWithValue[] {
  const inPath = parameters.filter((parameter) => parameter.in === "path");
  if (values.length !== inPath.length) {
    const names = inPath.map(({ name }) => `<${name}>`).join(" ");
    throw new NotVerified(`Give a value for each parameter: npm run contract:verify -- ${names}`);
  }
  return inPath.map((parameter, index) => ({ ...parameter, value: values[index] ?? "" }));
}

function requestOf(
  { method, path, requestBody }: Endpoint,
  parameters: readonly ParameterWithValue[],
  json: string | undefined,
  api: string | undefined,
  key: string,
): Request {
  if (!/^[!-~]+$/.test(key)) throw new NotVerified("Set OPENAI_API_KEY to an API key.");
  if (!api || !/^https?:\/\/[^@?#]+$/i.test(api) || !URL.canParse(api)) {
    throw new NotVerified("Set OPENAI_BASE_URL to an http(s) URL without user, query or fragment.");
  }

  let filledPath = path;
  for (const { name, value } of parameters) {
    if (/^\.{0,2}$/.test(value)) throw new NotVerified(`${name} must not be "", "." or "..".`);
    filledPath = filledPath.replace(`{${name}}`, encodeURIComponent(value));
  }
  const url = `${api.replace(/\/$/, "")}${filledPath}`;
  const body = bodyOf(requestBody, json);
  const headers = { authorization: `Bearer ${key}`, ...(body === null ? {} : { "content-type": "application/json" }) };
  // A redirect isn't followed: it's a response to verify, and the key must not travel.
  return new Request(url, { method, headers, body, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) });
}

function bodyOf(requestBody: Endpoint["requestBody"], json: string | undefined): string | null {
  if (requestBody === undefined || (json === undefined && !requestBody.required)) return null;
  const body = json === undefined ? undefined : parseJson(json);
  const problems = problemsWith(requestBody.content["application/json"]?.schema ?? {}, body);
  if (problems.length === 0) return JSON.stringify(body);
  throw new NotVerified(`Give the body that the contract describes with --body '{…}': ${problems.join("; ")}.`);
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const { cause = error } = Object(error);
    throw new NotVerified(`There was no response: ${cause instanceof Error ? cause.message : cause}`);
  }
}

async function mismatchesOf(
  { responses }: Endpoint,
  parameters: readonly ParameterWithValue[],
  response: Response,
): Promise<string[]> {
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
  const text = await response.text().catch(() => undefined);
  if (text === undefined) mismatches.push("The body is incomplete");
  else if (Object.keys(content).length === 0) {
    if (text !== "") mismatches.push("There is a body, but the contract describes none");
  } else if (documented === undefined) {
    const expected = Object.keys(content).join(", ");
    mismatches.push(`The content-type is ${mediaType ? `"${mediaType}"` : "missing"}, not ${expected}`);
  } else if (mediaType.toLowerCase().endsWith("json")) {
    const body = parseJson(text);
    // Without the parser's message, which quotes the start of the body, and that can be part of the key.
    if (body === undefined) mismatches.push("The body isn't JSON");
    else mismatches.push(...problemsWith(documented.schema, body), ...(response.ok ? otherIds(parameters, body) : []));
  }
  return mismatches;
}

/** A successful response is about the object in the path, whose ID it has as `upload_id` (like the parameter) or as `id`. */
function otherIds(parameters: readonly ParameterWithValue[], body: unknown): string[] {
  const object: Readonly<Record<string, unknown>> = Object(body);
  return parameters.flatMap(({ name, value }) => {
    const field = name in object ? name : "id";
    const id = object[field];
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

function problemsWith(schema: object, value: unknown, header?: string): string[] {
  const isValid = (header ? ajvForText : ajv).compile(closed(schema));
  if (isValid(value)) return [];
  const errors = isValid.errors ?? [];
  const problems = errors
    .filter((error) => !followsFromChoice(error, errors))
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

/** If no alternative of an `anyOf` fits, only what's wrong with the value is of interest: not that it isn't null either. */
function followsFromChoice({ keyword, instancePath, params }: ErrorObject, errors: readonly ErrorObject[]): boolean {
  const isInChoice = errors.some((other) => other.keyword === "anyOf" && other.instancePath === instancePath);
  return isInChoice && (/^(anyOf|unevaluatedProperties)$/.test(keyword) || params["type"] === "null");
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
