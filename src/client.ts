import createOpenapiClient, {
  mergeHeaders,
  type Client as OpenapiClient,
  type ClientOptions as OpenapiClientOptions,
} from "openapi-fetch";
import type { paths } from "../generated/openapi.js";
import type { CancelUploadsOptions } from "./cancel-uploads.js";
import { type Check, type Checks, check, checkFunction, checkOptions } from "./check.js";
import { hasCredential } from "./redact.js";
import { RETRY_DEFAULTS, RETRY_OPTIONS, type RetryOptions } from "./retry.js";
import { isError, safeString } from "./text.js";

/** The contract's first server. The types don't include servers; a test compares the two. */
const DEFAULT_BASE_URL = "https://api.openai.com/v1";

/** openapi-fetch's client for the contract's paths, plus settings for `cancelUpload()` and its siblings. */
export interface Client extends OpenapiClient<paths> {
  /** Only `createClient()` sets them, so that a plain openapi-fetch client doesn't compile in place of this one. */
  readonly settings: ClientSettings;
}

type SharedOptions = RetryOptions & Pick<ClientOptions, "fetch" | "signal">;

/** The defaults for a client's calls. */
export interface ClientSettings
  extends Readonly<typeof RETRY_DEFAULTS>,
    Omit<SharedOptions, keyof typeof RETRY_DEFAULTS> {
  /** Whether its calls are authorized: `apiKey` can still be a function that fails. */
  readonly isAuthorized: boolean;
}

/** Options for one call. They override the client's. */
export interface CallOptions extends RetryOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Headers to send, merged over the client's. `authorization`, `api-key` or `x-api-key` replaces the API key. */
  readonly headers?: OpenapiClientOptions["headers"] | undefined;
}

type ApiKey = string | (() => string | Promise<string>) | null;

/** The options of openapi-fetch, other than those that this client sets or declares itself. */
type OpenapiOptions = Omit<
  OpenapiClientOptions,
  "baseUrl" | "body" | "fetch" | "headers" | "method" | "pathSerializer" | "redirect" | "signal" | "window"
>;

type OrUndefined<Options> = { readonly [Name in keyof Options]: Options[Name] | undefined };

/** openapi-fetch's options, those of the OpenAI API, and defaults for the options of a call. */
export interface ClientOptions extends OrUndefined<OpenapiOptions>, CallOptions {
  /**
   * The API key, or a function that is called for it before each attempt. Whitespace around it is ignored. `null` sends no
   * key: in a page, your own server adds it. Default: `OPENAI_API_KEY` from the environment.
   */
  readonly apiKey?: ApiKey | undefined;
  /**
   * In a page, it can be relative, such as `/api`. Default: `OPENAI_BASE_URL` from the environment, or
   * `https://api.openai.com/v1`.
   */
  readonly baseUrl?: string | URL | undefined;
  /** The `OpenAI-Organization` header. Default: `OPENAI_ORG_ID` from the environment. */
  readonly organization?: string | undefined;
  /** The `OpenAI-Project` header. Default: `OPENAI_PROJECT_ID` from the environment. */
  readonly project?: string | undefined;
  /**
   * Sends each request, whose signal aborts when the time is up. Called with `requestInitExt` as a second argument, if there
   * is one. Default: the platform's `fetch`.
   */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
}

/**
 * Creates an openapi-fetch client for the OpenAI API that sends the API key.
 *
 * Its own methods, such as `client.POST()`, are plain openapi-fetch. Retries and timeouts come with `cancelUpload()` and its
 * siblings.
 *
 * @throws TypeError if an option can't be used; the message never shows the key.
 * @example
 * const client = createClient();
 * const upload = await cancelUpload(client, "upload_abc123");
 */
export function createClient(options: ClientOptions = {}): Client {
  checkOptions(options, CLIENT_OPTIONS);
  const { apiKey, baseUrl, organization, project, headers } = options;
  const { fetch, signal, maxRetries, timeout, maxWait, onRetry } = options;
  const key =
    typeof apiKey === "function" || apiKey === null ? apiKey : headerValue("apiKey", apiKey, "OPENAI_API_KEY");
  const allHeaders = mergeHeaders(
    {
      "OpenAI-Organization": headerValue("organization", organization, "OPENAI_ORG_ID"),
      "OpenAI-Project": headerValue("project", project, "OPENAI_PROJECT_ID"),
    },
    normalizeHeaders(headers),
  );
  const url = checkUrl(baseUrl);
  const openapiOptions: OpenapiOptions = defined(options, CLIENT_OPTIONS);
  // Throws if a Request can't have such an option.
  new Request(url, { ...openapiOptions, ...openapiOptions.requestInitExt });

  const client = createOpenapiClient<paths>({
    ...openapiOptions,
    ...(signal && { signal }),
    redirect: "manual", // A redirect could take the key to another host.
    baseUrl: url,
    headers: Object.fromEntries(allHeaders), // openapi-fetch only recognizes the Headers that the platform has at the time
    pathSerializer: serializePath,
    Request: openapiOptions.Request ?? currentRequest(),
    // openapi-fetch passes `requestInitExt` as a second argument, though its type doesn't say so.
    fetch: fetch ?? ((...args: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...args)),
  });
  client.use({
    onRequest: async ({ request }) => {
      if (key === null || hasCredential(request.headers)) return;
      request.headers.set("authorization", `Bearer ${await resolveKey(key)}`);
    },
  });
  const isAuthorized = key !== undefined || hasCredential(allHeaders);
  const shared: OrUndefined<Required<SharedOptions>> = { fetch, signal, maxRetries, timeout, maxWait, onRetry };
  return { ...client, settings: { ...RETRY_DEFAULTS, ...defined(shared), isAuthorized } };
}

/** A call's options over the client's settings over the defaults. */
export interface ResolvedOptions extends Required<typeof RETRY_DEFAULTS>, Pick<RetryOptions, "onRetry"> {
  readonly headers: NonNullable<CallOptions["headers"]>;
  /** Each of them aborts the call. */
  readonly signals: readonly AbortSignal[];
}

/** @throws TypeError if `createClient()` didn't create the client, or if an option can't be used. */
export function resolveOptions(client: Client, options: CallOptions): ResolvedOptions {
  check(typeof client?.POST === "function" && client.settings, "client", "created by createClient()");
  checkOptions(options, CALL_OPTIONS);
  const signals = [client.settings.signal, options.signal].filter((signal) => signal !== undefined);
  const headers = normalizeHeaders(options.headers);
  return { ...client.settings, ...defined(options), headers, signals };
}

const checkSignal: Check = (value, name) => {
  const { aborted, addEventListener }: Partial<AbortSignal> = Object(value);
  const isSignal = typeof aborted === "boolean" && typeof addEventListener === "function";
  check(isSignal, name, "an AbortSignal, such as an AbortController's signal");
};
/** For options that are checked where they are read, together with the environment's variables. */
const checkedLater: Check = () => {};

const checkConcurrency: Check = (value, name) =>
  check(Number.isInteger(value) && Number(value) >= 1, name, "a whole number, 1 or more");

// Each option is declared here once. What isn't goes to openapi-fetch, and from there to the platform's Request.
const SHARED_OPTIONS: Checks<CallOptions> = { ...RETRY_OPTIONS, signal: checkSignal, headers: checkedLater };
const CALL_OPTIONS: Checks<CancelUploadsOptions> = { ...SHARED_OPTIONS, concurrency: checkConcurrency };
const CLIENT_OPTIONS: Checks<Omit<ClientOptions, keyof OpenapiOptions>> = {
  ...SHARED_OPTIONS,
  apiKey: checkedLater,
  baseUrl: checkedLater,
  organization: checkedLater,
  project: checkedLater,
  fetch: checkFunction,
};

/**
 * Headers that openapi-fetch can use.
 *
 * @throws TypeError that doesn't show them: one can be a key.
 */
function normalizeHeaders(headers: CallOptions["headers"]): NonNullable<CallOptions["headers"]> {
  if (headers === undefined) return {};
  try {
    // They can be the Headers of another library; openapi-fetch only recognizes the platform's.
    const known = Symbol.iterator in headers ? new Headers([...headers]) : headers;
    mergeHeaders(known);
    return known;
  } catch {
    throw new TypeError("headers must have names and values that HTTP allows");
  }
}

/** Errors from getting the API key. They affect every call. */
const keyErrors = new WeakSet<object>();

export function isKeyError(error: unknown): boolean {
  return keyErrors.has(Object(error));
}

async function resolveKey(key: Exclude<ApiKey, null> | undefined): Promise<string> {
  try {
    const resolved = typeof key === "function" ? headerValue("apiKey", await key()) : key;
    if (resolved === undefined) throw noKey();
    return resolved;
  } catch (thrown) {
    const error = isError(thrown) ? thrown : new Error(`apiKey() failed: ${safeString(thrown)}`, { cause: thrown });
    keyErrors.add(error);
    throw error;
  }
}

/** @throws TypeError if nothing would authorize a call with these headers. */
export function checkKey({ settings }: Client, headers: ResolvedOptions["headers"]): void {
  if (!settings.isAuthorized && !hasCredential(mergeHeaders(headers))) throw noKey();
}

function noKey(): TypeError {
  return new TypeError("There is no API key: pass apiKey, or set OPENAI_API_KEY");
}

/** What a header can carry: an option, or by default the value of a variable. A key file ends in a newline. */
function headerValue(name: string, option: unknown, variable?: string): string | undefined {
  const [source, value] = option === undefined && variable ? [variable, fromEnvironment(variable)] : [name, option];
  if (value === undefined) return undefined;
  const trimmed = typeof value === "string" ? value.trim() : "";
  check(/^[!-~]+$/.test(trimmed), source, "visible ASCII characters, without a space");
  return trimmed;
}

function checkUrl(option: string | URL | undefined): string {
  const variable = "OPENAI_BASE_URL";
  const name = option === undefined ? variable : "baseUrl";
  const text = String(option ?? fromEnvironment(variable) ?? DEFAULT_BASE_URL).trim();
  let url: URL | undefined;
  try {
    url = new URL(text, globalThis.location?.href); // In a page, it can be relative.
  } catch {} // It is reported below.
  check(text !== "" && url && /^https?:$/.test(url.protocol), name, `an http(s) URL, such as ${DEFAULT_BASE_URL}`);
  check(!/[?#]/.test(text) && url.username + url.password === "", name, "a URL without a user, query or fragment");
  return url.origin + url.pathname.replace(/\/+/g, "/");
}

/** Path values must be a single segment that stays where it is: a URL resolves `.` and `..`. */
function serializePath(pathname: string, pathParams: Record<string, unknown>): string {
  return pathname.replace(/{([^}]+)}/g, (_, name: string) => {
    const value = pathParams[name];
    checkSegment(name, value);
    return encodeURIComponent(value);
  });
}

/** @throws TypeError, which doesn't show the value, unless it can be a segment of a path and looks like an ID. */
export function checkSegment(name: string, value: unknown): asserts value is string {
  const isSegment = typeof value === "string" && /^(?!\.{0,2}$)[^\s\p{Cc}\p{Cs}]*$/u.test(value);
  const expected = 'a string without whitespace and control characters, other than "", "." and ".."';
  check(isSegment, name, typeof value === "string" ? expected : `${expected}, but is ${typeName(value)}`);
}

function typeName(value: unknown): string {
  if (value == null) return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object; pass its id" : `a ${typeof value}`;
}

/** The platform's Request, looked up for each call: a polyfill or a test can replace it after the client was created. */
function currentRequest(): typeof Request {
  return new Proxy(Request, {
    construct: (_, [input, init]) => new globalThis.Request(input, init),
    get: (target, name) =>
      name === Symbol.hasInstance ? (value: unknown) => value instanceof globalThis.Request : Reflect.get(target, name),
  });
}

/** Undefined if the variable is empty, or if there is no environment or no permission to read it. */
function fromEnvironment(name: string): string | undefined {
  try {
    return globalThis.process?.env?.[name]?.trim() || undefined;
  } catch {
    return undefined;
  }
}

/** The options that are defined, `except` for some. openapi-fetch's options can be missing, but not undefined. */
function defined<Options extends object>(
  options: Options,
  except: object = {},
): { [Name in keyof Options]?: NonNullable<Options[Name]> } {
  const result: { [Name in keyof Options]?: NonNullable<Options[Name]> } = {};
  for (const name in options) {
    const value = options[name];
    if (value != null && !(name in except)) result[name] = value;
  }
  return result;
}
