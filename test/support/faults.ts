import type { RequestListener } from "node:http";
import { gzipSync } from "node:zlib";
import { cancelledUpload } from "./contract.js";

const body = JSON.stringify(cancelledUpload);
const json = { "content-type": "application/json" };

/** Ways to lose a response. Each is worth a retry. */
export const lost: Readonly<Record<string, RequestListener>> = {
  "a connection reset before the response": (request) => request.socket.resetAndDestroy(),
  "a connection closed before the response": (request) => request.socket.destroy(),
  "a response truncated in its headers": ({ socket }) => socket.end("HTTP/1.1 200 OK\r\ncontent-type: appl"),
  "a response that is not HTTP": ({ socket }) => socket.end("SSH-2.0-OpenSSH_9.6\r\n"),
  "half a body of a known length": (_request, response) => {
    response.writeHead(200, { ...json, "content-length": body.length });
    response.write(body.slice(0, 50), () => response.destroy());
  },
  "half a body of unknown length": (_request, response) => {
    response.writeHead(200, json);
    response.write(body.slice(0, 50), () => response.destroy());
  },
  "a body shorter than its content-length": (_request, response) => {
    response.writeHead(200, { ...json, "content-length": body.length + 100 });
    response.write(body, () => response.destroy());
  },
  "truncated gzip": (_request, response) => {
    const gzip = gzipSync(body);
    response.writeHead(200, { ...json, "content-encoding": "gzip" });
    response.write(gzip.subarray(0, gzip.length / 2), () => response.destroy());
  },
  "a body that is not gzip, although its header says so": (_request, response) => {
    response.writeHead(200, { ...json, "content-encoding": "gzip" }).end(body);
  },
};

/** Ways to keep a client waiting until its timeout. */
export const stalled: Readonly<Record<string, RequestListener>> = {
  "no response at all": () => {},
  "headers without a body": (_request, response) => response.writeHead(200, json).flushHeaders(),
  "a body that stalls": (_request, response) => {
    response.writeHead(200, json).write(body.slice(0, 50));
  },
};

/** A body that goes on for as long as the client reads it. */
export function endless(status: number): RequestListener {
  return (_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write(" ".repeat(65_536)));
    };
    response.writeHead(status, json).on("drain", more);
    more();
  };
}
