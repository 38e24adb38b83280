import { type Client, type ClientOptions, createClient, type FetchResponse, type paths } from "../../src/index.js";

/** A key that must not show up in any error. */
export const key = "sk-secret-0123456789";

/** A client for a server of the tests. */
export function clientOf({ url }: { readonly url: string }, options: ClientOptions = {}): Client {
  return createClient({ baseUrl: url, apiKey: "sk-test", ...options });
}

type Operation = paths["/uploads/{upload_id}/cancel"]["post"];

interface PostOptions {
  readonly signal?: AbortSignal;
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** The client's own call, which is plain openapi-fetch. */
export function post(
  client: Client,
  options: PostOptions = {},
): Promise<FetchResponse<Operation, object, "application/json">> {
  return client.POST("/uploads/{upload_id}/cancel", { ...options, params: { path: { upload_id: "upload_abc123" } } });
}
