import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { cancelledUpload } from "./contract.js";

/** An HTTP server on loopback, gone with the `await using` that holds it. */
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
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}

/** Answers each request with this status and this body as JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
}

/** Answers each request in another way, in this order; the last way serves for all that follow. */
export function inTurn(...answers: RequestListener[]): RequestListener {
  let turn = 0;
  return (request, response) => answers[Math.min(turn++, answers.length - 1)]?.(request, response);
}

/** Cancels each Upload: answers with the contract's example, under the ID that was asked for. */
export const cancelling: RequestListener = (request, response) => {
  const id = decodeURIComponent(request.url?.split("/").at(-2) ?? "");
  return json(200, Object.assign({}, cancelledUpload, { id }))(request, response);
};
