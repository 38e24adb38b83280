import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { type Client, cancelUpload, cancelUploads, createClient } from "../src/index.js";
import { clientOf } from "./support/client.js";
import { cancelledUpload } from "./support/contract.js";
import { endless } from "./support/faults.js";
import { rejection } from "./support/rejection.js";
import { json, serve } from "./support/server.js";
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

describe("a response can come from another realm, as in jsdom, a vm context or a worker", () => {
  const otherRealm: { readonly bytes: (text: string) => Uint8Array; readonly fail: () => never } = runInNewContext(
    `({
      bytes: (codes) => Uint8Array.from(codes),
      fail: () => { throw new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code: "ECONNRESET" }) }); },
    })`,
  );
  const text = JSON.stringify(Object.assign({}, cancelledUpload, { filename: "übung.jsonl" }));
  const chunk = (part: Buffer) => Reflect.apply(otherRealm.bytes, undefined, [[...part]]);

  test.for([1, 2, 7])("its body in %d chunks, which may split a character", async (count) => {
    const bytes = Buffer.from(text);
    const size = Math.ceil(bytes.length / count);
    const body = new ReadableStream({
      start: (stream) => {
        for (let from = 0; from < bytes.length; from += size) stream.enqueue(chunk(bytes.subarray(from, from + size)));
        stream.close();
      },
    });
    const client = clientWith(async () => new Response(body));
    expect(await cancelUpload(client, "upload_abc123")).toEqual(JSON.parse(text));
  });

  test("the Response itself, and middleware can still replace it", async () => {
    class OtherResponse {
      readonly #response = Response.json(cancelledUpload, { headers: { "x-request-id": "req_1" } });
      readonly ok = true;
      readonly status = 200;
      readonly headers = this.#response.headers;
      readonly body = this.#response.body;
      clone = () => this.#response.clone();
      text = () => this.#response.text();
    }
    const client = clientWith(async () => new OtherResponse());
    expect(await cancelUpload(client, "upload_abc123")).toMatchObject({ _request_id: "req_1" });
    client.use({ onResponse: ({ response }) => new Response(response.body) });
    expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
  });

  test("an error that fetch throws", async () => {
    const client = createClient({ apiKey: "sk-test", maxRetries: 0, fetch: async () => otherRealm.fail() });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({
      name: "ConnectionError",
      message: "Cancelling upload_abc123 failed: no response, no (attempts: 1)",
      cause: { name: "TypeError", cause: { code: "ECONNRESET" } },
    });
  });

  test("an error that apiKey() throws, which is the one that the call rejects with", async () => {
    const thrown: unknown = runInNewContext("new Error('the vault is locked')");
    const client = createClient({ apiKey: () => Promise.reject(thrown) });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toBe(thrown);
    for await (const { error } of cancelUploads(client, [])) expect(error).toBe(thrown);
  });
});

describe("the resolved Upload has the request ID of the response as _request_id, which isn't enumerable", () => {
  test.for([
    ["req_1", { "x-request-id": "req_1" }],
    [null, {}],
  ] as const)("%j", async ([requestId, headers]) => {
    await using server = await serve(json(200, cancelledUpload, headers));
    const upload = await cancelUpload(clientOf(server), "upload_abc123");
    expect(upload._request_id).toBe(requestId);
    expect(Object.keys(upload)).not.toContain("_request_id");
    expect(upload).toEqual(cancelledUpload);
    for await (const result of cancelUploads(clientOf(server), ["upload_abc123"])) {
      expect(result.upload?._request_id).toBe(requestId);
    }
  });
});

test("a 204 that only resembles a Response is an InvalidResponseError", async () => {
  const client = clientWith(async () => ({ ok: true, status: 204, headers: new Headers(), text: async () => "" }));
  expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({
    name: "InvalidResponseError",
    status: 204,
  });
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
