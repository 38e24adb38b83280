import createOpenapiClient, {
  defaultPathSerializer,
  type HeadersOptions,
  mergeHeaders,
  type Client as OpenapiClient,
  type ClientOptions as OpenapiClientOptions,
} from "openapi-fetch";
import type { paths } from "../generated/openapi.js";
import { check, newCall } from "./errors.js";
import { checkRetryOptions, type ResilientFetchOptions, type RetryOptions, resilientFetch } from "./resilient-fetch.js";

/** The contract's first server, which its types don't carry; a test holds the two together. */
const DEFAULT_BASE_URL = "https://api.openai.com/v1";

/** openapi-fetch's client for the contract's paths. */
export type Client = OpenapiClient<paths>;

/** openapi-fetch's options, and those of the OpenAI API. */
export interface ClientOptions
  extends Omit<OpenapiClientOptions, "baseUrl" | "pathSerializer" | "redirect">,
    RetryOptions {
  /**
   * The API key, or a function that is asked for it before each attempt.
   * Default: the environment's `OPENAI_API_KEY`. Not needed where `headers` has an `authorization` or `api-key`.
   */
  readonly apiKey?: string | (() => string | Promise<string>) | undefined;
  /** Default: the environment's `OPENAI_BASE_URL`, else the contract's first server, `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined;
  /** The `OpenAI-Organization` header. Default: the environment's `OPENAI_ORG_ID`. */
  readonly organization?: string | undefined;
  /** The `OpenAI-Project` header. Default: the environment's `OPENAI_PROJECT_ID`. */
  readonly project?: string | undefined;
}

/** What one call sets for itself. */
interface CallOptions extends RetryOptions, Pick<ResilientFetchOptions, "call" | "pace" | "respond"> {
  readonly signal?: AbortSignal | undefined;
}

type CallFetch = (request: Request, options: CallOptions) => Promise<Response>;

const fetches = new WeakMap<Client, CallFetch>();

/** The client's own fetch, with options for one call; openapi-fetch takes it as the `fetch` of a request. */
export function fetchOf(client: Client): CallFetch {
  const fetch = fetches.get(client);
  check(fetch !== undefined, "client", "one that createClient() made");
  return fetch;
}

/**
 * An openapi-fetch client of the OpenAI API that adds the key, and tries again what may pass.
 *
 * @throws TypeError where an option can't be used; it never shows the key.
 * @example
 * const client = createClient();
 * const upload = await cancelUpload(client, "upload_abc123");
 */
export function createClient(options: ClientOptions = {}): Client {
  const {
    apiKey = fromEnvironment("OPENAI_API_KEY"),
    baseUrl = fromEnvironment("OPENAI_BASE_URL") ?? DEFAULT_BASE_URL,
    organization = fromEnvironment("OPENAI_ORG_ID"),
    project = fromEnvironment("OPENAI_PROJECT_ID"),
    maxRetries,
    timeout,
    headers,
    signal,
    fetch,
    requestInitExt,
    ...openapiOptions
  } = options;
  const isUrl = /^https?:\/\/[^@?#]+$/i.test(baseUrl) && URL.canParse(baseUrl);
  check(isUrl, "baseUrl", "an http or https URL without user, query or fragment");
  if (typeof apiKey !== "function") checkToken("apiKey", apiKey);
  checkToken("organization", organization);
  checkToken("project", project);
  checkRetryOptions(options);

  const authorizeWith = (request: Request, key: string | undefined) => {
    check(key !== undefined, "apiKey", "given, or OPENAI_API_KEY set");
    checkToken("apiKey", key);
    request.headers.set("authorization", `Bearer ${key}`);
  };
  const authorize =
    typeof apiKey === "function"
      ? async (request: Request) => authorizeWith(request, await apiKey())
      : (request: Request) => authorizeWith(request, apiKey);

  // The key must not travel: a redirect is never followed, whatever the Request says.
  const init = { ...requestInitExt, redirect: "manual" } as const;
  // A `fetch` made for openapi-fetch looks at nothing but the Request; the platform's copies that anyway.
  const send = fetch
    ? (request: Request, signal: AbortSignal) => fetch(new Request(request, { ...init, signal }))
    : (request: Request, signal: AbortSignal) => globalThis.fetch(request, { ...init, signal });

  const callFetch: CallFetch = (request, call) =>
    resilientFetch(request, {
      ...call,
      maxRetries: call.maxRetries ?? maxRetries,
      timeout: call.timeout ?? timeout,
      signals: [signal, call.signal],
      prepare: hasCredentials(request) ? undefined : authorize,
      fetch: send,
    });

  const client = createOpenapiClient<paths>({
    ...openapiOptions,
    baseUrl,
    headers: mergeHeaders(
      { "OpenAI-Organization": organization, "OpenAI-Project": project },
      headers && checkedHeaders(headers),
    ),
    pathSerializer: serializePath,
    fetch: (request) => callFetch(request, { call: newCall(`${request.method} ${request.url}`) }),
  });
  fetches.set(client, callFetch);
  return client;
}

/** Gateways and Azure want credentials of their own, which take the place of the API key. */
function hasCredentials({ headers }: Request): boolean {
  return headers.has("authorization") || headers.has("api-key");
}

/** The headers as openapi-fetch can use them. */
export function checkedHeaders(headers: HeadersOptions): HeadersOptions {
  try {
    const checked = Array.isArray(headers) ? new Headers(headers) : headers;
    mergeHeaders(checked);
    return checked;
  } catch {
    // The platform's error shows the value, which may be a key.
    throw new TypeError("headers must be names and values that HTTP can carry");
  }
}

function checkToken(name: string, token: string | undefined): void {
  const isToken = token === undefined || (typeof token === "string" && /^[!-~]+$/.test(token));
  check(isToken, name, "visible ASCII characters, without a space or a line break");
}

/** openapi-fetch's own, but for values that would change the path: URLs resolve `.` and `..` away. */
function serializePath(pathname: string, pathParams: Record<string, unknown>): string {
  for (const [name, value] of Object.entries(pathParams)) {
    const isSegment = typeof value === "string" && /^(?!\.{0,2}$)\P{Surrogate}*$/u.test(value);
    check(isSegment, name, 'a non-empty, well-formed string other than "." and ".."');
  }
  return defaultPathSerializer(pathname, pathParams);
}

/** Undefined where the variable is empty too, and where there is no environment or no permission to read it. */
function fromEnvironment(name: string): string | undefined {
  try {
    return globalThis.process?.env?.[name]?.trim() || undefined;
  } catch {
    return undefined;
  }
}
