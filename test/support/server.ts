import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { Server as NetServer } from "node:net";
import { cancelledUpload } from "./contract.js";

/** An HTTP server on loopback, which closes with the `await using` that holds it. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  /** The requests it received, in order. */
  readonly requests: readonly IncomingMessage[];
}

/** @param remember How many requests to keep: a long run can't keep them all. */
export async function serve(respond: RequestListener, remember: number = Number.POSITIVE_INFINITY): Promise<Server> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    if (requests.length < remember) requests.push(request);
    return respond(request, response);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}

/** Makes a server listen on a free port of loopback, and returns that port. */
export async function listen(server: NetServer): Promise<number> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

/** Responds with this status, and this body as JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
}

/** Handles the first request with the first listener, the second with the second, and all later ones with the last. */
export function inTurn(...listeners: RequestListener[]): RequestListener {
  let next = 0;
  return (request, response) => listeners[Math.min(next++, listeners.length - 1)]?.(request, response);
}

/** The ID of the Upload in a request's path. */
export function idOf({ url }: { readonly url?: string | undefined }): string {
  return decodeURIComponent(url?.split("/").at(-2) ?? "");
}

/** Cancels every Upload: responds with the contract's example, under the requested ID. */
export const cancelling: RequestListener = (request, response) => {
  return json(200, Object.assign({}, cancelledUpload, { id: idOf(request) }))(request, response);
};

/** Cancels every Upload, except those with "bad" in their ID: those don't exist. */
export function api(): Promise<Server> {
  return serve((request, response) => {
    const id = idOf(request);
    if (!id.includes("bad")) return cancelling(request, response);
    const error = { message: `No such Upload: ${id}`, type: "invalid_request_error", param: "upload_id", code: null };
    return json(404, { error }, { "x-request-id": "req_1" })(request, response);
  });
}
