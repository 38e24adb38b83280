import createOpenapiClient, {
  defaultPathSerializer,
  mergeHeaders,
  type Client as OpenapiClient,
  type ClientOptions as OpenapiClientOptions,
} from "openapi-fetch";
import type { paths } from "../generated/openapi.js";

/** The contract's first server, which its types don't carry; a test holds the two together. */
const DEFAULT_BASE_URL = "https://api.openai.com/v1";

/** openapi-fetch's client for the contract's paths. */
export type Client = OpenapiClient<paths>;

/** openapi-fetch's options, and those of the OpenAI API. */
export interface ClientOptions extends Omit<OpenapiClientOptions, "baseUrl" | "pathSerializer"> {
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

/**
 * An openapi-fetch client of the OpenAI API that adds the key.
 *
 * @throws TypeError where an option can't be used; what it says never contains the key.
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
    headers,
    fetch = (request) => globalThis.fetch(request),
    ...openapiOptions
  } = options;
  checkBaseUrl(baseUrl);
  if (typeof apiKey !== "function" && apiKey !== undefined) checkToken("apiKey", apiKey);
  if (organization !== undefined) checkToken("organization", organization);
  if (project !== undefined) checkToken("project", project);

  return createOpenapiClient<paths>({
    redirect: "manual",
    ...openapiOptions,
    baseUrl,
    headers: checkedHeaders({ "OpenAI-Organization": organization, "OpenAI-Project": project }, headers),
    pathSerializer: serializePath,
    fetch: async (request) => {
      if (!request.headers.has("authorization") && !request.headers.has("api-key")) {
        const key = typeof apiKey === "function" ? await apiKey() : apiKey;
        if (key === undefined) {
          throw new TypeError("There is no API key: set OPENAI_API_KEY, or give createClient() an apiKey");
        }
        checkToken("apiKey", key);
        request.headers.set("authorization", `Bearer ${key}`);
      }
      return fetch(request);
    },
  });
}

/** openapi-fetch's `headers`, as one; a value that can't be sent is not shown, since it may be a key. */
export function checkedHeaders(...headers: Parameters<typeof mergeHeaders>): Headers {
  try {
    return mergeHeaders(...headers.map((init) => (Array.isArray(init) ? new Headers(init) : init)));
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
