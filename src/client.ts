import createOpenapiClient, {
  mergeHeaders,
  type Client as OpenapiClient,
  type ClientOptions as OpenapiClientOptions,
} from "openapi-fetch";
import type { paths } from "../generated/openapi.js";
import { check } from "./check.js";
import { type Call, newCall } from "./errors.js";
import { hasCredential } from "./redact.js";
import type { RequestParts } from "./request-parts.js";
import {
  type Answer,
  checkRetryOptions,
  type RetryOptions,
  type Run,
  resilientFetch,
  unread,
} from "./resilient-fetch.js";
import { AbortGroup } from "./waiting.js";

/** The contract's first server, which its types don't carry; a test holds the two together. */
const DEFAULT_BASE_URL = "https://api.openai.com/v1";

/** The key of a client's transport: a property, so that copies of the client and proxies around it have it too. */
const transport: unique symbol = Symbol("transport");

/** openapi-fetch's client for the contract's paths, with retries, time-outs and the key. */
export interface Client extends OpenapiClient<paths> {
  /** Only `createClient()` sets it, so that a plain openapi-fetch client does not compile here. */
  readonly [transport]: Transport;
}

/** The options of a Request that a client sets for all its calls. */
type RequestOptions = Omit<OpenapiClientOptions, "body" | "method" | "pathSerializer" | "redirect" | "window">;

/** openapi-fetch's options, and those of the OpenAI API. */
export interface ClientOptions
  extends Readonly<OrUndefined<Omit<RequestOptions, "baseUrl" | "fetch" | "headers" | "signal">>>,
    RetryOptions {
  /**
   * The API key, or a function that is asked for it before each attempt. Whitespace around it is ignored.
   * Default: the environment's `OPENAI_API_KEY`. Not needed if `headers` has an `authorization`, `api-key` or `x-api-key`.
   */
  readonly apiKey?: string | (() => string | Promise<string>) | undefined;
  /** Default: the environment's `OPENAI_BASE_URL`, else the contract's first server, `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined;
  /** The `OpenAI-Organization` header. Default: the environment's `OPENAI_ORG_ID`. */
  readonly organization?: string | undefined;
  /** The `OpenAI-Project` header. Default: the environment's `OPENAI_PROJECT_ID`. */
  readonly project?: string | undefined;
  /**
   * Sends the requests. It is called once for each attempt, with one argument: a Request whose headers have the key, whose
   * `redirect` is `manual`, and whose signal aborts when the time is up. Default: the platform's `fetch`.
   */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
  /** Headers for each request. An `authorization`, `api-key` or `x-api-key` replaces the API key. */
  readonly headers?: OpenapiClientOptions["headers"] | undefined;
  /** Aborts every call of the client, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What one call may set for itself, over the client's own. */
export interface CallOptions extends RetryOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Headers for this call, over the client's. */
  readonly headers?: ClientOptions["headers"];
}

/** What sends the requests of a client. */
interface Transport {
  readonly send: (request: Request | RequestParts, call: Call, options: CallOptions, run?: Run) => Promise<Answer>;
  /** Those that abort a call. */
  readonly signals: (options: CallOptions) => AbortSignal[];
  /** Whether somebody else looks at the requests and responses. */
  readonly isObserved: () => boolean;
}

/** @throws TypeError if `createClient()` didn't make the client. */
export function transportOf(client: Client): Transport {
  const found = client?.[transport];
  check(found !== undefined, "client", "made by createClient()");
  return found;
}

type OrUndefined<Options> = { [Name in keyof Options]: Options[Name] | undefined };

/**
 * An openapi-fetch client of the OpenAI API that adds the key, retries and times out.
 *
 * @throws TypeError if an option can't be used; it never shows the key.
 * @example
 * const client = createClient();
 * const upload = await cancelUpload(client, "upload_abc123");
 */
export function createClient(options: ClientOptions = {}): Client {
  const { apiKey, baseUrl, organization, project, maxRetries, timeout, headers, signal, fetch, ...rest } = options;
  const { requestInitExt, ...openapiOptions } = withoutUndefined(rest);
  const key = typeof apiKey === "function" ? apiKey : token("apiKey", apiKey, "OPENAI_API_KEY");
  const ownHeaders = {
    "OpenAI-Organization": token("organization", organization, "OPENAI_ORG_ID"),
    "OpenAI-Project": token("project", project, "OPENAI_PROJECT_ID"),
  };
  checkRetryOptions(options);
  const url = checkUrl(baseUrl);
  new Request(url, { ...openapiOptions, ...requestInitExt }); // Throws if a Request can't have such an option.

  /** The request's own and the key, in a copy: a middleware may see the request's, but never the key. */
  const withKey = (request: Request | RequestParts): Headers | Promise<Headers> => {
    const headers = new Headers(request.headers);
    if (hasCredential(headers)) return headers;
    if (typeof key !== "function") return authorize(headers, key);
    return Promise.resolve(key()).then((answer) => authorize(headers, token("apiKey", answer)));
  };
  const fetchOnce = (request: Request | RequestParts, headers: Headers, signal: AbortSignal): Promise<Response> => {
    const isMade = request instanceof Request;
    const input = isMade ? request.clone() : request.url; // A body can be sent only once.
    // The key must not travel: a redirect is never followed, whatever the request says.
    const attempt = { headers, signal, redirect: "manual" } as const;
    const init: RequestInit = Object.assign({}, isMade ? undefined : request.init, requestInitExt, attempt);
    return fetch ? fetch(new Request(input, init)) : globalThis.fetch(input, init);
  };

  let isObserved = openapiOptions.Request !== undefined;
  const signals = (options: CallOptions) => [signal, options.signal].filter((one) => one != null);
  const send: Transport["send"] = async (request, call, callOptions, run) => {
    try {
      return await resilientFetch({
        call,
        run,
        headers: () => withKey(request),
        group: () => (run && !(request instanceof Request) ? run.group() : new AbortGroup()),
        fetch: (headers, signal) => fetchOnce(request, headers, signal),
        // A middleware may have given it another signal.
        signals: [...signals(callOptions), ...(request instanceof Request ? [request.signal] : [])],
        maxRetries: callOptions.maxRetries ?? maxRetries,
        timeout: callOptions.timeout ?? timeout,
      });
    } catch (reason) {
      // openapi-fetch takes a falsy reason for none.
      throw reason || new Error(`${call.name} stopped, for no other reason than ${reason}`);
    }
  };

  const client = createOpenapiClient<paths>({
    ...openapiOptions,
    baseUrl: url,
    headers: mergeHeaders(ownHeaders, checkHeaders(headers)),
    pathSerializer: serializePath,
    fetch: async (request) => unread(await send(request, newCall(`${request.method} ${request.url}`), {})),
  });
  return {
    ...client,
    use(...middlewares) {
      isObserved = true;
      client.use(...middlewares);
    },
    [transport]: { send, signals, isObserved: () => isObserved },
  };
}

/**
 * The headers as openapi-fetch can use them.
 *
 * @throws TypeError which doesn't show them: one may be a key.
 */
export function checkHeaders(headers: ClientOptions["headers"]): NonNullable<ClientOptions["headers"]> {
  if (headers === undefined) return {};
  try {
    // They may be the Headers of another library; openapi-fetch knows only the platform's.
    const known = Symbol.iterator in headers ? new Headers([...headers]) : headers;
    mergeHeaders(known);
    return known;
  } catch {
    throw new TypeError("headers must be what HTTP can carry");
  }
}

function authorize(headers: Headers, key: string | undefined): Headers {
  if (key === undefined) throw new TypeError("There is no API key: pass apiKey, or set OPENAI_API_KEY");
  headers.set("authorization", `Bearer ${key}`);
  return headers;
}

/** What a header can carry, without the whitespace around it: a key file ends in a newline. */
function token(name: string, option: string | undefined, variable?: string): string | undefined {
  const value = option === undefined && variable ? fromEnvironment(variable) : option;
  if (value === undefined) return undefined;
  const trimmed = typeof value === "string" ? value.trim() : "";
  check(
    /^[!-~]+$/.test(trimmed),
    option === undefined && variable ? variable : name,
    "visible ASCII characters, without a space",
  );
  return trimmed;
}

function checkUrl(option: string | undefined): string {
  const variable = "OPENAI_BASE_URL";
  const url = option ?? fromEnvironment(variable) ?? DEFAULT_BASE_URL;
  const isUrl = /^https?:\/\/[^@?#]+$/i.test(url) && URL.canParse(url);
  check(isUrl, option === undefined ? variable : "baseUrl", "an http(s) URL without user, query or fragment");
  return url;
}

/** Of values in the path only those that stay where they are: URLs resolve `.` and `..` away. */
function serializePath(pathname: string, pathParams: Record<string, unknown>): string {
  return pathname.replace(/{(.+?)}/g, (_, name: string) => {
    const value = pathParams[name];
    const isSegment = typeof value === "string" && /^(?!\.{0,2}$)\P{Surrogate}*$/u.test(value);
    check(isSegment, name, 'a well-formed string other than "", "." and ".."');
    return encodeURIComponent(value);
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

type Defined<Options> = { [Name in keyof Options]?: NonNullable<Options[Name]> };

/** openapi-fetch's options may be left out, but not be undefined. */
function withoutUndefined<Options extends object>(options: Options): Defined<Options> {
  const defined: Defined<Options> = {};
  for (const name in options) {
    const value = options[name];
    if (value != null) defined[name] = value;
  }
  return defined;
}
