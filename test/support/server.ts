import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { Server as NetServer } from "node:net";
import { cancelledUpload } from "./contract.js";

/** An HTTP server on loopback, which closes with the `await using` that holds it. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  /** What was sent to it, in order. */
  readonly requests: readonly IncomingMessage[];
}

/** @param remember How many requests it keeps; a long run can't keep all. */
export async function serve(answer: RequestListener, remember: number = Number.POSITIVE_INFINITY): Promise<Server> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    if (requests.length < remember) requests.push(request);
    return answer(request, response);
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

/** Has a server listen on a free port of loopback, and returns that port. */
export async function listen(server: NetServer): Promise<number> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

/** Answers each request with this status and this body as JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
}

/** Answers the first request in the first way, the second in the second, and all that follow in the last. */
export function inTurn(...answers: RequestListener[]): RequestListener {
  let turn = 0;
  return (request, response) => answers[Math.min(turn++, answers.length - 1)]?.(request, response);
}

/** The ID of the Upload that a request is about. */
export function idOf({ url }: { readonly url?: string | undefined }): string {
  return decodeURIComponent(url?.split("/").at(-2) ?? "");
}

/** Cancels each Upload: answers with the contract's example, under the ID that was asked for. */
export const cancelling: RequestListener = (request, response) => {
  return json(200, Object.assign({}, cancelledUpload, { id: idOf(request) }))(request, response);
};
