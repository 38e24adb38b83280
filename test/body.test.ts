import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { type Client, cancelUpload, createClient } from "../src/index.js";
import { clientOf } from "./support/client.js";
import { cancelledUpload } from "./support/contract.js";
import { endless } from "./support/faults.js";
import { rejection } from "./support/rejection.js";
import { serve } from "./support/server.js";
import { until } from "./support/timers.js";

const MIB = 1024 * 1024;

/** A client whose `fetch` can resolve to anything. */
function clientWith(fetch: () => Promise<unknown>): Client {
  return Reflect.apply(createClient, undefined, [{ apiKey: "sk-test", fetch }]);
}

test("a body in many chunks is read whole, even if a character is split between two of them", async () => {
  const upload = { id: "upload_abc123", status: "cancelled", filename: "ä".repeat(40_000) };
  const bytes = Buffer.from(JSON.stringify(upload));
  await using server = await serve((_request, response) => {
    response.write(bytes.subarray(0, 10_001), () => response.end(bytes.subarray(10_001)));
  });
  expect(await cancelUpload(clientOf(server), "upload_abc123")).toEqual(upload);
});

describe("the client reads up to 1 MiB", () => {
  test("of a success that never ends: InvalidResponseError, not retried", async () => {
    await using server = await serve(endless(200));
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(String(error)).toMatch(/^InvalidResponseError: .* 200 with a body over 1 MiB \(attempts: 1\)$/);
  });

  test("of an error that never ends: ApiError", async () => {
    await using server = await serve(endless(400));
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(error).toMatchObject({ name: "ApiError", status: 400, attempts: 1 });
  });

  test("of a body that is small until it's decompressed", async () => {
    await using server = await serve((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(50 * MIB, " ")));
    });
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(String(error)).toContain("a body over 1 MiB");
  });

  test("of a stream, and cancels the rest", async () => {
    let read = 0;
    const cancel = vi.fn();
    const pull = (stream: ReadableStreamDefaultController) => {
      read += 1024;
      stream.enqueue(new Uint8Array(1024));
    };
    const fetch = async () => new Response(new ReadableStream({ pull, cancel }));
    const error = await rejection(cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123"));
    expect(error).toMatchObject({ name: "InvalidResponseError", attempts: 1 });
    expect(cancel).toHaveBeenCalledTimes(1);
    expect(read).toBeGreaterThan(MIB);
    expect(read).toBeLessThan(MIB + 4 * 1024);
  });

  test("and no byte more", async () => {
    const body = JSON.stringify(cancelledUpload).padEnd(MIB + 1);
    await using server = await serve((_request, response) => response.end(body));
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123"))).toMatchObject({
      name: "InvalidResponseError",
    });
  });

  test("so a body of exactly 1 MiB is fine", async () => {
    const body = JSON.stringify(cancelledUpload).padEnd(MIB);
    await using server = await serve((_request, response) => response.end(body));
    expect(await cancelUpload(clientOf(server), "upload_abc123")).toEqual(cancelledUpload);
  });
});

test("after an abort the rest of the body isn't read, even if a custom fetch keeps sending it", async () => {
  const controller = new AbortController();
  const cancel = vi.fn();
  const pull = async (stream: ReadableStreamDefaultController) => {
    controller.abort(new Error("enough"));
    await setImmediate();
    stream.enqueue(new Uint8Array(1));
  };
  const fetch = async () => new Response(new ReadableStream({ pull, cancel }));
  const call = cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123", controller);
  expect(await rejection(call)).toBe(controller.signal.reason);
  await until(() => cancel.mock.calls.length > 0);
});

describe("a custom fetch can resolve to something that only resembles a Response", () => {
  const body = JSON.stringify(cancelledUpload);
  const headers = new Headers({ "x-request-id": "req_1" });

  test.for<[string, object]>([
    [
      "with a Node stream as its body, like that of node-fetch 2",
      { ok: true, status: 200, headers, body: Readable.from([body]), text: async () => body },
    ],
    ["with only text(), as in many tests", { ok: true, status: 200, text: async () => body }],
  ])("%s", async ([, response]) => {
    const fetch = vi.fn(async () => response);
    const client = clientWith(fetch);
    expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
    client.use({ onResponse: ({ response }) => void expect(response).toBeInstanceOf(Response) });
    expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
    expect(fetch).toHaveBeenCalledTimes(2);
  });

  test("with plain headers", async () => {
    const upload = { id: "upload_abc123", status: "cancelled" };
    const cancel = (status: number) => {
      const response = {
        ok: status < 300,
        status,
        headers: { location: "/", "retry-after": "121" },
        body: { cancel: () => {} },
        text: async () => JSON.stringify(upload),
      };
      return cancelUpload(
        clientWith(async () => response),
        "upload_abc123",
      );
    };
    expect(await cancel(200)).toEqual(upload);
    expect(await rejection(cancel(302))).toMatchObject({ name: "InvalidResponseError", status: 302 });
    expect(await rejection(cancel(429))).toMatchObject({ name: "ApiError", status: 429, retryAfter: 121_000 });
  });

  test("with an error status", async () => {
    const response = { ok: false, status: 404, text: async () => '{"error":{"message":"No such Upload"}}' };
    const client = clientWith(async () => response);
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({
      name: "ApiError",
      status: 404,
      message: expect.stringContaining("No such Upload"),
    });
  });
});

describe("an InvalidResponseError says what is wrong, without a retry, if a custom fetch resolves to", () => {
  const alreadyRead = "with a body that was already read: a fetch or a middleware should read response.clone()";
  test.for<[string, () => unknown, string]>([
    [
      "a stream of strings",
      () => new Response(new ReadableStream({ start: (stream) => stream.enqueue("cancelled") })),
      "200 with a stream of strings, not of bytes",
    ],
    [
      "a locked body",
      () => {
        const response = Response.json(cancelledUpload);
        response.body?.getReader();
        return response;
      },
      `200 ${alreadyRead}`,
    ],
    [
      "a body that has been read",
      () => {
        const response = Response.json(cancelledUpload, { status: 500 });
        void response.text();
        return response;
      },
      `500 ${alreadyRead}`,
    ],
    [
      "a Response without text()",
      () => ({ ok: true, status: 200, headers: new Headers() }),
      "200 with a body that has no text()",
    ],
    ["undefined", () => undefined, "undefined is not an HTTP status"],
  ])("%s", async ([, respond, message]) => {
    const fetch = vi.fn(async () => respond());
    const error = await rejection(cancelUpload(clientWith(fetch), "upload_abc123"));
    expect(error).toMatchObject({
      name: "InvalidResponseError",
      attempts: 1,
      message: expect.stringContaining(message),
    });
    expect(fetch).toHaveBeenCalledTimes(1);
  });
});
