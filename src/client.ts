import createOpenapiClient, {
  defaultPathSerializer,
  type HeadersOptions,
  mergeHeaders,
  type Client as OpenapiClient,
  type ClientOptions as OpenapiClientOptions,
} from "openapi-fetch";
import type { paths } from "../generated/openapi.js";
import { checkRetryOptions, type ResilientFetchOptions, type RetryOptions, resilientFetch } from "./resilient-fetch.js";

/** The contract's first server, which its types don't carry; a test holds the two together. */
const DEFAULT_BASE_URL = "https://api.openai.com/v1";

/** openapi-fetch's client for the contract's paths. */
export type Client = OpenapiClient<paths>;

/** openapi-fetch's options, and those of the OpenAI API. */
export interface ClientOptions extends Omit<OpenapiClientOptions, "baseUrl" | "pathSerializer">, RetryOptions {
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

type CallOptions = RetryOptions & Pick<ResilientFetchOptions, "call" | "pace" | "signals">;
type CallFetch = (request: Request, options?: CallOptions) => Promise<Response>;

const fetches = new WeakMap<Client, CallFetch>();

/** The client's own fetch, with options for one call; openapi-fetch takes it as the `fetch` of a request. */
export function fetchOf(client: Client): CallFetch {
  const fetch = fetches.get(client);
  if (fetch === undefined) throw new TypeError("client must be one that createClient() made");
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
  checkBaseUrl(baseUrl);
  if (typeof apiKey !== "function" && apiKey !== undefined) checkToken("apiKey", apiKey);
  if (organization !== undefined) checkToken("organization", organization);
  if (project !== undefined) checkToken("project", project);
  checkRetryOptions(options);

  const authorize = async (request: Request) => {
    const key = typeof apiKey === "function" ? await apiKey() : apiKey;
    if (key === undefined) {
      throw new TypeError("There is no API key: set OPENAI_API_KEY, or give createClient() an apiKey");
    }
    checkToken("apiKey", key);
    request.headers.set("authorization", `Bearer ${key}`);
  };

  const callFetch: CallFetch = (request, callOptions) =>
    resilientFetch(request, {
      maxRetries: callOptions?.maxRetries ?? maxRetries,
      timeout: callOptions?.timeout ?? timeout,
      signals: [signal, ...(callOptions?.signals ?? [])],
      call: callOptions?.call,
      pace: callOptions?.pace,
      prepare: hasCredentials(request) ? undefined : authorize,
      // A `fetch` made for openapi-fetch looks at nothing but the Request; the platform's copies that anyway.
      fetch: fetch
        ? (request, signal) => fetch(new Request(request, { ...requestInitExt, signal }))
        : (request, signal) => globalThis.fetch(request, { ...requestInitExt, signal }),
    });

  const client = createOpenapiClient<paths>({
    redirect: "manual",
    ...openapiOptions,
    baseUrl,
    headers: mergeHeaders(
      { "OpenAI-Organization": organization, "OpenAI-Project": project },
      headers && checkedHeaders(headers),
    ),
    pathSerializer: serializePath,
    fetch: (request) => callFetch(request),
  });
  fetches.set(client, callFetch);
  return client;
}

/** Gateways and Azure want credentials of their own, which take the place of the API key. */
function hasCredentials({ headers }: Request): boolean {
  return headers.has("authorization") || headers.has("api-key");
}

/** The headers as openapi-fetch can use them. What can't be sent is not shown, since it may be a key. */
export function checkedHeaders(headers: HeadersOptions): HeadersOptions {
  try {
    const checked = Array.isArray(headers) ? new Headers(headers) : headers;
    mergeHeaders(checked);
    return checked;
  } catch {
    throw new TypeError("headers has a name or a value that no HTTP header can carry (a line break, say)");
  }
}

function checkToken(option: string, token: unknown): asserts token is string {
  if (typeof token !== "string" || !/^[!-~]+$/.test(token)) {
    throw new TypeError(
      `${option} must be a string of visible ASCII characters, as a header can carry: no space, no line break at its end`,
    );
  }
}

function checkBaseUrl(baseUrl: string): void {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!/^https?:$/.test(url?.protocol ?? "") || url?.username || url?.password || url?.search || url?.hash) {
    throw new TypeError(
      "baseUrl must be an absolute http: or https: URL without user, query or fragment, such as https://api.openai.com/v1",
    );
  }
}

/** openapi-fetch's own, but for values that would change the path: URLs resolve `.` and `..` away. */
function serializePath(pathname: string, pathParams: Record<string, unknown>): string {
  for (const [name, value] of Object.entries(pathParams)) {
    if (typeof value !== "string" || value === "" || value === "." || value === ".." || !isWellFormed(value)) {
      throw new TypeError(
        `${name} must be a non-empty string of well-formed Unicode other than "." and "..", got ${
          typeof value === "string" ? JSON.stringify(value) : typeof value
        }`,
      );
    }
  }
  return defaultPathSerializer(pathname, pathParams);
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** Undefined where the variable is empty too, and where there is no environment or no permission to read it. */
function fromEnvironment(name: string): string | undefined {
  try {
    return globalThis.process?.env?.[name]?.trim() || undefined;
  } catch {
    return undefined;
  }
}
