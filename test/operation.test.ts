import { EventEmitter, getEventListeners, once } from "node:events";
import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type ClientOptions, cancelUpload, createClient } from "../src/index.js";
import { perform } from "../src/operation.js";
import { cancelledUpload } from "./support/contract.js";
import { endless, lost, stalled } from "./support/misbehaviour.js";
import { rejection } from "./support/rejection.js";
import { run } from "./support/run.js";
import { inTurn, json, type Server, serve } from "./support/server.js";
import { fakeWaits } from "./support/waits.js";

const success = json(200, cancelledUpload);
const soon = { "retry-after-ms": "0" };

function clientOf(server: Server, options: ClientOptions = {}) {
  return createClient({ baseUrl: server.url, apiKey: "sk-test", ...options });
}

function post(client: ReturnType<typeof createClient>) {
  return client.POST("/uploads/{upload_id}/cancel", { params: { path: { upload_id: "upload_abc123" } } });
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test.for(["DEPTH_ZERO_SELF_SIGNED_CERT", "CERT_HAS_EXPIRED", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"])(
  "an untrusted certificate is not retried: %s",
  async (code) => {
    const fetch = vi.fn(async () => {
      throw new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code }) });
    });
    const cancelling = cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123");
    expect(await rejection(cancelling)).toMatchObject({ name: "ConnectionError", attempts: 1 });
    expect(fetch).toHaveBeenCalledTimes(1);
  },
);

describe("a failure that may be temporary is retried", () => {
  test.for([408, 409, 429, 500, 502, 503, 504, 520, 599])("%d", async (status) => {
    await using server = await serve(inTurn(json(status, {}, soon), success));
    expect(await cancelUpload(clientOf(server), "upload_abc123")).toEqual(cancelledUpload);
    expect(server.requests).toHaveLength(2);
  });

  test.concurrent.for(Object.entries(lost))("%s", async ([, answer], { expect }) => {
    await using server = await serve(inTurn(answer, success));
    expect(await cancelUpload(clientOf(server), "upload_abc123")).toEqual(cancelledUpload);
    expect(server.requests).toHaveLength(2);
  });

  test.concurrent.for(Object.entries(stalled))("%s", async ([, answer], { expect }) => {
    await using server = await serve(inTurn(answer, success));
    const client = clientOf(server, { timeout: 1_000 });
    expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
    expect(server.requests).toHaveLength(2);
  });

  test("with the same body", async () => {
    const bodies: string[] = [];
    await using server = await serve(async (request, response) => {
      bodies.push(Buffer.concat(await request.toArray()).toString());
      response.writeHead(bodies.length < 3 ? 500 : 200, soon).end();
    });
    const client = clientOf(server, { bodySerializer: () => "part_1, part_2" });
    const params = { path: { upload_id: "upload_abc123" } };
    await perform(client, {
      name: "Completing upload_abc123",
      expected: "completed Upload",
      send: (init) =>
        Reflect.apply(client.POST, undefined, ["/uploads/{upload_id}/cancel", { ...init, params, body: {} }]),
      accepts: (body) => body === "",
    });
    expect(bodies).toEqual(["part_1, part_2", "part_1, part_2", "part_1, part_2"]);
  });

  test("with the key that apiKey then gives", async () => {
    await using server = await serve(inTurn(json(500, {}, soon), success));
    const keys = ["sk-first", "sk-second"];
    await cancelUpload(clientOf(server, { apiKey: async () => keys.shift() ?? "" }), "upload_abc123");
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer sk-first",
      "Bearer sk-second",
    ]);
  });
});

describe("after the last retry it rejects, and says how many attempts were sent", () => {
  test.for([0, 1, 4])("an error status, maxRetries %d", async (maxRetries) => {
    await using server = await serve(json(500, {}, soon));
    const client = clientOf(server, { maxRetries: 7 });
    expect(await rejection(cancelUpload(client, "upload_abc123", { maxRetries }))).toMatchObject({
      name: "ApiError",
      status: 500,
      attempts: maxRetries + 1,
    });
    expect(server.requests).toHaveLength(maxRetries + 1);
  });

  test.concurrent.for(Object.entries(lost))("%s", async ([, answer], { expect }) => {
    await using server = await serve(answer);
    const client = clientOf(server, { maxRetries: 1 });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(error).toMatchObject({ name: "ConnectionError", attempts: 2, cause: expect.any(Error) });
    expect(String(error)).toMatch(
      /^ConnectionError: Cancelling upload_abc123 failed: no response, .+ \(attempts: 2\)$/,
    );
  });

  test.concurrent.for(Object.entries(stalled))("%s", async ([, answer], { expect }) => {
    await using server = await serve(answer);
    const client = clientOf(server, { maxRetries: 0 });
    const error = await rejection(cancelUpload(client, "upload_abc123", { timeout: 100 }));
    expect(String(error)).toBe(
      "TimeoutError: Cancelling upload_abc123 failed: no response within 100 ms (attempts: 1)",
    );
    expect(error).not.toHaveProperty("cause");
  });

  test("no server listens", async () => {
    const server = await serve(success);
    await server[Symbol.asyncDispose]();
    const error = await rejection(cancelUpload(clientOf(server, { maxRetries: 0 }), "upload_abc123"));
    expect(String(error)).toMatch(/no response, connect ECONNREFUSED 127\.0\.0\.1:\d+ \(attempts: 1\)$/);
  });
});

test("timeout: 0 means no limit", async () => {
  const setTimeout = vi.spyOn(globalThis, "setTimeout");
  const client = createClient({ apiKey: "sk-test", timeout: 0, fetch: async () => Response.json(cancelledUpload) });
  await cancelUpload(client, "upload_abc123");
  expect(setTimeout).not.toHaveBeenCalled();
});

test("the time-out is 30 s and there are two retries, unless the client or the call says otherwise", async () => {
  vi.useFakeTimers();
  const fetch = vi.fn(() => new Promise<Response>(() => {}));
  const ended = vi.fn();
  void rejection(cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123")).then(ended);
  await vi.advanceTimersByTimeAsync(29_999);
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(1 + 500);
  expect(fetch).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(30_000 + 1_000 + 29_000);
  expect(ended).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(ended.mock.calls).toEqual([[expect.objectContaining({ name: "TimeoutError", attempts: 3 })]]);
  expect(String(ended.mock.calls[0]?.[0])).toContain("no response within 30000 ms");
  expect(vi.getTimerCount()).toBe(0);
});

describe("a call that fails leaves neither a listener nor a timer", () => {
  const { signal } = new AbortController();
  test.for<[string, RequestListener, timeout: number]>([
    ["ApiError", json(404, {}), 29_999],
    ["InvalidResponseError", json(200, {}), 29_999],
    ["ConnectionError", (request) => request.socket.destroy(), 29_999],
    ["TimeoutError", () => {}, 99],
  ])("%s", async ([name, answer, timeout]) => {
    const setTimer = vi.spyOn(globalThis, "setTimeout");
    const clearTimer = vi.spyOn(globalThis, "clearTimeout");
    await using server = await serve(answer);
    const client = clientOf(server, { maxRetries: 0, timeout });
    expect(await rejection(cancelUpload(client, "upload_abc123", { signal }))).toMatchObject({ name });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    const ours = setTimer.mock.results[setTimer.mock.calls.findIndex(([, ms]) => ms === timeout)]?.value;
    expect(ours).toBeDefined();
    expect(clearTimer.mock.calls).toContainEqual([ours]);
  });
});

test("each error of an answer has its status, its request ID, its headers and its body", async () => {
  const headers = { "x-request-id": "req_1", "x-other": "other" };
  await using server = await serve(inTurn(json(404, { a: 1 }, headers), json(200, { b: 2 }, headers)));
  for (const [name, status, body] of [
    ["ApiError", 404, { a: 1 }],
    ["InvalidResponseError", 200, { b: 2 }],
  ]) {
    const error = Object(await rejection(cancelUpload(clientOf(server), "upload_abc123")));
    expect(error).toMatchObject({ name, status, body, requestId: "req_1" });
    expect(error.headers.get("x-other")).toBe("other");
  }
});

describe("other errors reject at once", () => {
  test.for([400, 401, 403, 404, 410, 422, 451])("%d", async (status) => {
    await using server = await serve(json(status, {}));
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123"))).toMatchObject({ status, attempts: 1 });
    expect(server.requests).toHaveLength(1);
  });
});

describe("x-should-retry is obeyed", () => {
  test("true, on a status that is not retried otherwise", async () => {
    await using server = await serve(inTurn(json(400, {}, { ...soon, "x-should-retry": "true" }), success));
    await cancelUpload(clientOf(server), "upload_abc123");
    expect(server.requests).toHaveLength(2);
  });

  test("but not on a success", async () => {
    await using server = await serve(json(200, cancelledUpload, { ...soon, "x-should-retry": "true" }));
    await cancelUpload(clientOf(server), "upload_abc123");
    expect(server.requests).toHaveLength(1);
  });

  test("false, on a status that is retried otherwise", async () => {
    await using server = await serve(json(503, {}, { "x-should-retry": "false" }));
    await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(server.requests).toHaveLength(1);
  });
});

describe("the wait before a retry", () => {
  /** The waits between attempts, in ms, if every answer has these headers. */
  async function waits(headers: HeadersInit, maxRetries: number): Promise<number[]> {
    vi.useFakeTimers({ now: Date.parse("2026-01-01T00:00:00Z") });
    const sent: number[] = [];
    const fetch = async () => {
      sent.push(Date.now());
      return new Response("{}", { status: 503, headers });
    };
    const settled = rejection(
      cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123", { maxRetries }),
    );
    await vi.runAllTimersAsync();
    await settled;
    return sent.slice(1).map((time, index) => time - (sent[index] ?? 0));
  }

  test("doubles from 0.5 s to 8 s, less up to a quarter at random", async () => {
    for (const [index, wait] of (await waits({}, 7)).entries()) {
      const most = Math.min(500 * 2 ** index, 8_000);
      expect(wait).toBeGreaterThanOrEqual(most * 0.75 - 1);
      expect(wait).toBeLessThanOrEqual(most);
    }
    expect(new Set([...(await waits({}, 1)), ...(await waits({}, 1)), ...(await waits({}, 1))]).size).toBeGreaterThan(
      1,
    );
  });

  test.for<[HeadersInit, number]>([
    [{ "retry-after-ms": "1234" }, 1_234],
    [{ "retry-after-ms": "0" }, 0],
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after": "1.25" }, 1_250],
    [{ "retry-after": "60" }, 60_000],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:20 GMT" }, 20_000],
    [{ "retry-after-ms": "1234", "retry-after": "7" }, 1_234],
    [{ "retry-after-ms": "soon", "retry-after": "7" }, 7_000],
  ])("is what the server asks for with %j", async ([headers, wait]) => {
    expect(await waits(headers, 1)).toEqual([wait]);
  });

  test.for<HeadersInit>([
    { "retry-after": "-1" },
    { "retry-after": "soon" },
    { "retry-after": "" },
    { "retry-after": "NaN" },
    { "retry-after": "Infinity" },
    { "retry-after": "1e3" },
    { "retry-after": "0x10" },
    { "retry-after": "9".repeat(400) },
    { "retry-after": "Wed, 01 Jan 2020 00:00:00 GMT" },
    { "retry-after": "2026-01-01T00:00:20Z" },
    { "retry-after": "Foo, 99 Bar 2026 99:99:99 GMT" },
    { "retry-after-ms": "-5" },
    [
      ["retry-after", "1"],
      ["retry-after", "5"],
    ],
  ])("is the usual one if the server sends %j", async (headers) => {
    const [wait] = await waits(headers, 1);
    expect(wait).toBeGreaterThanOrEqual(374);
    expect(wait).toBeLessThanOrEqual(500);
  });

  test.for<[HeadersInit, number]>([
    [{ "retry-after": "61" }, 61_000],
    [{ "retry-after-ms": "60001" }, 60_001],
    [{ "retry-after": "Thu, 01 Jan 2026 01:00:00 GMT" }, 3_600_000],
    [{ "retry-after": "999999999999999" }, 999_999_999_999_999_000],
  ])("of more than 60 s is left to the caller: %j", async ([headers, retryAfter]) => {
    vi.useFakeTimers({ now: Date.parse("2026-01-01T00:00:00Z") });
    const fetch = vi.fn(async () => new Response("{}", { status: 429, headers }));
    const error = await rejection(cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123"));
    expect(error).toMatchObject({ name: "ApiError", status: 429, retryAfter, attempts: 1 });
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("what was never sent doesn't count as unanswered", async () => {
  vi.useFakeTimers();
  const keys = [new Promise<string>(() => {}), "sk-test"];
  const fetch = async () => Response.json({}, { status: 404 });
  const client = createClient({ apiKey: () => keys.shift() ?? "", fetch });
  const rejected = rejection(cancelUpload(client, "upload_abc123"));
  await vi.runAllTimersAsync();
  expect(String(await rejected)).toMatch(/404 \{\} \(attempts: 1\)$/);
});

test("the response of a plain POST is a real Response", async () => {
  await using server = await serve(success);
  const { response } = await post(clientOf(server));
  expect(Reflect.getOwnPropertyDescriptor(Response.prototype, "status")?.get?.call(response)).toBe(200);
});

describe("a redirect is refused, and nothing follows it", () => {
  test.for([300, 301, 302, 303, 304, 307, 308])("%d to another origin", async (status) => {
    await using other = await serve(success);
    await using server = await serve(json(status, {}, { location: `${other.url}/elsewhere` }));
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(error).toMatchObject({ name: "InvalidResponseError", status, attempts: 1 });
    expect(String(error)).toContain(`redirect to ${other.url}/elsewhere, which was not followed`);
    expect((await post(clientOf(server))).response.status).toBe(status);
    expect(other.requests).toHaveLength(0);
    expect(server.requests).toHaveLength(2);
  });

  test("even if a custom fetch has followed it", async () => {
    await using other = await serve(success);
    await using server = await serve(json(307, {}, { location: other.url }));
    const client = clientOf(server, { fetch: (request) => fetch(request, { redirect: "follow" }) });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({ name: "InvalidResponseError" });
  });
});

test("a redirect that a browser hides is called one too", async () => {
  const hidden = Object.defineProperty(Response.error(), "type", { value: "opaqueredirect" });
  const client = createClient({ apiKey: "sk-test", fetch: async () => hidden });
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(error).toMatchObject({ name: "InvalidResponseError", status: 0, attempts: 1 });
  expect(String(error)).toContain("failed: 0 redirect to an unknown place");
});

test("a status that HTTP doesn't have is an InvalidResponseError that says so", async () => {
  const client = createClient({ apiKey: "sk-test", fetch: async () => Response.error() });
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(error).toMatchObject({ name: "InvalidResponseError", status: 0, attempts: 1 });
  expect(String(error)).toContain("failed: 0 is not an HTTP status (attempts: 1)");
});

describe("no more than 1 MiB is read", () => {
  test("of a success that doesn't end: InvalidResponseError, not tried again", async () => {
    await using server = await serve(endless(200));
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(String(error)).toMatch(/^InvalidResponseError: .* 200 with a body over 1 MiB \(attempts: 1\)$/);
  });

  test("of an error that doesn't end: ApiError", async () => {
    await using server = await serve(endless(400));
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(error).toMatchObject({ name: "ApiError", status: 400, attempts: 1 });
  });

  test("of a body that is small until gzip is decoded", async () => {
    await using server = await serve((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(50 * 1024 * 1024, " ")));
    });
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(String(error)).toContain("a body over 1 MiB");
  });

  test("of a stream: the rest is not read, and the stream is cancelled", async () => {
    let read = 0;
    const cancelled = vi.fn();
    const pull = (stream: ReadableStreamDefaultController) => {
      read += 1024;
      stream.enqueue(new Uint8Array(1024));
    };
    const fetch = async () => new Response(new ReadableStream({ pull, cancel: cancelled }));
    const error = await rejection(cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123"));
    expect(error).toMatchObject({ name: "InvalidResponseError", attempts: 1 });
    expect(cancelled).toHaveBeenCalledTimes(1);
    expect(read).toBeGreaterThan(1024 * 1024);
    expect(read).toBeLessThan(1024 * 1024 + 4 * 1024);
  });

  test("so that one byte more than 1 MiB is refused", async () => {
    const body = JSON.stringify(cancelledUpload).padEnd(1024 * 1024 + 1);
    await using server = await serve((_request, response) => response.end(body));
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123"))).toMatchObject({
      name: "InvalidResponseError",
    });
  });

  test("while a body of just 1 MiB is read whole", async () => {
    const body = JSON.stringify(cancelledUpload).padEnd(1024 * 1024);
    await using server = await serve((_request, response) => response.end(body));
    expect(await cancelUpload(clientOf(server), "upload_abc123")).toEqual(cancelledUpload);
  });
});

describe("a middleware is given the response as if it had not been read yet", () => {
  const text = JSON.stringify(cancelledUpload);
  const bytes = new TextEncoder().encode(text);

  test.for<[string, (response: Response) => unknown, unknown]>([
    ["text", (response) => response.clone().text(), text],
    ["json", (response) => response.clone().json(), cancelledUpload],
    ["arrayBuffer", (response) => response.clone().arrayBuffer(), bytes.buffer],
    ["blob", async (response) => (await response.clone().blob()).text(), text],
    ["body", (response) => new Response(response.clone().body).text(), text],
    ["two clones", (response) => Promise.all([response.clone().text(), response.clone().text()]), [text, text]],
    ["a new Response of it", (response) => new Response(response.clone().body, response).json(), cancelledUpload],
    ["bodyUsed", ({ bodyUsed }) => bodyUsed, false],
    ["status", ({ status }) => status, 200],
    ["url", ({ url }) => new URL(url).pathname, "/v1/uploads/upload_abc123/cancel"],
    ["headers", ({ headers }) => headers.get("x-request-id"), "req_1"],
  ])("%s", async ([, read, expected]) => {
    await using server = await serve(json(200, cancelledUpload, { "x-request-id": "req_1" }));
    const cancel = (client: ReturnType<typeof createClient>) => cancelUpload(client, "upload_abc123");
    const plainPost = async (client: ReturnType<typeof createClient>) => (await post(client)).data;
    for (const call of [cancel, plainPost]) {
      const client = clientOf(server);
      const seen = vi.fn(async ({ request, response }: { request: Request; response: Response }) => {
        expect(new Request(request).url).toContain(server.url);
        expect(response).toBeInstanceOf(Response);
        expect(await read(response)).toEqual(expected);
      });
      client.use({ onResponse: seen });
      expect(await call(client)).toEqual(cancelledUpload);
      expect(seen).toHaveBeenCalledTimes(1);
    }
  });
});

describe("with a middleware or without, a call ends in the same way if the answer is", () => {
  const raw = (head: string, body = JSON.stringify(cancelledUpload)) => {
    return ({ socket }: { socket: Socket }) => void socket.end(`HTTP/1.1 ${head}\r\nconnection: close\r\n\r\n${body}`);
  };
  test.concurrent.for<[string, RequestListener, unknown]>([
    ["a cancelled Upload", success, cancelledUpload],
    ["a cancelled Upload with a status text that no Response can have", raw("200 ✓ \x01 OK"), cancelledUpload],
    ["a refusal", json(404, {}), { name: "ApiError", status: 404, attempts: 1 }],
    ["an error, tried again", json(500, {}, soon), { name: "ApiError", status: 500, attempts: 3 }],
    ["an error with content-length: 0", raw("403 No\r\ncontent-length: 0", ""), { name: "ApiError", body: "" }],
    ["204", (_request, response) => response.writeHead(204).end(), { name: "InvalidResponseError", body: "" }],
    [
      "a redirect",
      json(307, {}, { location: "/elsewhere" }),
      { name: "InvalidResponseError", status: 307, attempts: 1 },
    ],
    ["a status that HTTP doesn't have", raw("999 Odd"), { name: "InvalidResponseError", status: 999, attempts: 1 }],
    ["a success that doesn't end", endless(200), { name: "InvalidResponseError", attempts: 1 }],
    ["an error that doesn't end", endless(400), { name: "ApiError", status: 400, attempts: 1 }],
    [
      "a Retry-After followed by spaces",
      raw("429 No\r\nretry-after: 90 \t", ""),
      { name: "ApiError", retryAfter: 90_000, attempts: 1 },
    ],
    [
      "a wait until a date, with spaces",
      raw(`429 No\r\nretry-after: ${new Date(Date.now() + 7_200_000).toUTCString()} \t`, ""),
      { name: "ApiError", retryAfter: expect.any(Number), attempts: 1 },
    ],
    ["no retry, with spaces", raw("503 No\r\nx-should-retry: false \t", ""), { name: "ApiError", attempts: 1 }],
    ["lost", (request) => request.socket.destroy(), { name: "ConnectionError", attempts: 3 }],
  ])("%s", async ([, answer, expected], { expect }) => {
    await using server = await serve(answer);
    const observed = clientOf(server);
    observed.use({ onRequest: () => undefined });
    for (const client of [clientOf(server), observed]) {
      const ended = await cancelUpload(client, "upload_abc123").catch((error: unknown) => error);
      expect(ended).toEqual(expect.objectContaining(expected));
    }
  });
});

test.for<[string, RequestListener]>([
  ["that comes", (_request, response) => void response.writeHead(307, { location: "/elsewhere" }).write("<p>")],
  ["that never comes", (_request, response) => response.writeHead(307, { location: "/elsewhere" }).flushHeaders()],
])("a redirect is refused before its body is read, and has none: one %s", async ([, answer]) => {
  await using server = await serve(answer);
  const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
  expect(error).toMatchObject({ name: "InvalidResponseError", status: 307, body: "", attempts: 1 });
});

test("the Response of a custom fetch is not modified", async () => {
  const response = Object.freeze(Response.json(cancelledUpload));
  const client = createClient({ apiKey: "sk-test", fetch: async () => response });
  expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
});

test("an answer that comes when the time is up counts as none", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const tries = new EventEmitter();
  const late = Response.json(cancelledUpload);
  const fetch = vi.fn(async () => {
    tries.emit("second");
    while (!late.bodyUsed) await setImmediate();
    return Response.json({}, { status: 400 });
  });
  fetch.mockImplementationOnce(() => once(tries, "second").then(() => late));
  const rejected = rejection(cancelUpload(createClient({ apiKey: "sk-test", timeout: 500, fetch }), "upload_abc123"));
  await vi.advanceTimersByTimeAsync(500); // the time-out
  await vi.advanceTimersByTimeAsync(500); // the wait
  expect(String(await rejected)).toMatch(/400 \{\} \(unanswered: 1, attempts: 2\)$/);
});

test("after an abort nothing more is read, even if a custom fetch goes on", async () => {
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
  await vi.waitFor(() => expect(cancel).toHaveBeenCalled(), { timeout: 10_000 });
});

describe("a body is read whole", () => {
  test("in many chunks, with a letter that is split between two", async () => {
    const upload = { id: "upload_abc123", status: "cancelled", filename: "ä".repeat(40_000) };
    const all = Buffer.from(JSON.stringify(upload));
    await using server = await serve((_request, response) => {
      response.write(all.subarray(0, 10_001), () => response.end(all.subarray(10_001)));
    });
    expect(await cancelUpload(clientOf(server), "upload_abc123")).toEqual(upload);
  });
});

describe("an abort rejects at once with the signal's reason, and nothing more is sent", () => {
  test("before anything is sent", async () => {
    await using server = await serve(success);
    const signal = AbortSignal.abort("enough");
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123", { signal }))).toBe("enough");
    expect(server.requests).toHaveLength(0);
  });

  test.for<[string, () => Promise<string>]>([
    ["which never comes", () => new Promise<string>(() => {})],
    ["which comes nevertheless", async () => "sk-test"],
  ])("while the key is awaited, %s", async ([, key]) => {
    await using server = await serve(success);
    const controller = new AbortController();
    const apiKey = () => {
      controller.abort("enough");
      return key();
    };
    const options = { signal: controller.signal };
    expect(await rejection(cancelUpload(clientOf(server, { apiKey }), "upload_abc123", options))).toBe("enough");
    await setImmediate();
    expect(server.requests).toHaveLength(0);
  });

  test.for(Object.entries(stalled))("in flight: %s", async ([, answer]) => {
    const controller = new AbortController();
    await using server = await serve((request, response) => {
      answer(request, response);
      void setImmediate().then(() => controller.abort("enough"));
    });
    const { signal } = controller;
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123", { signal }))).toBe("enough");
    expect(server.requests).toHaveLength(1);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test.for([null, 0, "", false])("even if the reason is %j", async (reason) => {
    const controller = new AbortController();
    await using server = await serve(() => controller.abort(reason));
    const { signal } = controller;
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123", { signal }))).toBe(reason);
  });

  test.for([null, 0, "", false])("even if it is the client's signal, and the reason is %j", async (reason) => {
    const controller = new AbortController();
    await using server = await serve(() => controller.abort(reason));
    const client = clientOf(server, { signal: controller.signal });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toBe(reason);
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toBe(reason);
  });

  test("while a middleware runs", async () => {
    await using server = await serve(success);
    const controller = new AbortController();
    const client = clientOf(server);
    client.use({
      onRequest: () => {
        controller.abort("enough");
        return new Promise(() => {});
      },
    });
    expect(await rejection(cancelUpload(client, "upload_abc123", { signal: controller.signal }))).toBe("enough");
    expect(server.requests).toHaveLength(0);
  });

  test("while waiting to try again", async () => {
    const waits = fakeWaits();
    const controller = new AbortController();
    const fetch = vi.fn(async () => new Response("{}", { status: 500, headers: { "retry-after": "30" } }));
    const client = createClient({ apiKey: "sk-test", timeout: 0, fetch });
    const rejected = rejection(cancelUpload(client, "upload_abc123", { signal: controller.signal }));
    while (waits() === 0) await setImmediate();
    controller.abort("enough");
    expect(await rejected).toBe("enough");
    expect(waits()).toBe(0);
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  test("by the client's own signal, and by that of a plain POST", async () => {
    const controller = new AbortController();
    await using server = await serve(() => controller.abort("enough"));
    const client = clientOf(server, { signal: controller.signal });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toBe("enough");
    const { signal } = controller;
    const params = { path: { upload_id: "upload_abc123" } };
    expect(await rejection(clientOf(server).POST("/uploads/{upload_id}/cancel", { params, signal }))).toBe("enough");
  });

  test("even if the reason is the error of another call", async () => {
    await using server = await serve((request) => request.socket.destroy());
    const reason = await rejection(cancelUpload(clientOf(server, { maxRetries: 0 }), "upload_abc123"));
    const signal = AbortSignal.abort(reason);
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123", { signal }))).toBe(reason);
    expect(server.requests).toHaveLength(1);
  });
});

test("10,000 calls on one signal leave no listener on it, and cause no warning", async () => {
  const warned = vi.spyOn(process, "emitWarning");
  const client = createClient({ apiKey: "sk-test", fetch: async () => Response.json(cancelledUpload) });
  const { signal } = new AbortController();
  for (let batch = 0; batch < 100; batch += 1) {
    await Promise.all(Array.from({ length: 100 }, () => cancelUpload(client, "upload_abc123", { signal })));
  }
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  expect(warned).not.toHaveBeenCalled();
});

test("a process exits at once after a call", async () => {
  await using server = await serve(success);
  const script = `
    import { cancelUpload, createClient } from "./dist/index.js";
    await cancelUpload(createClient(), "upload_abc123");
    const start = performance.now();
    process.on("exit", () => console.log(performance.now() - start));`;
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], { env });
  expect(Number(stdout)).toBeLessThan(2_000);
});

test("the most that an option can be is what a timer can keep", async () => {
  const most = { maxRetries: 2 ** 31 - 1, timeout: 2 ** 31 - 1 };
  const client = createClient({ apiKey: "sk-test", fetch: async () => Response.json(cancelledUpload), ...most });
  expect(await cancelUpload(client, "upload_abc123", most)).toEqual(cancelledUpload);
});

describe("an option that makes no sense is a TypeError, and nothing is sent", () => {
  test.for<Record<string, unknown>>([
    { maxRetries: -1 },
    { maxRetries: Number.NaN },
    { maxRetries: 1.5 },
    { maxRetries: "2" },
    { maxRetries: null },
    { timeout: -1 },
    { timeout: Number.NaN },
    { timeout: "30s" },
    { timeout: 0.5 },
    { timeout: Number.POSITIVE_INFINITY },
    { timeout: 2 ** 31 },
  ])("%o", async (options) => {
    await using server = await serve(success);
    const expected = `${Object.keys(options)[0]} must be a whole number from 0 to 2147483647`;
    expect(() => createClient({ apiKey: "sk-test", ...options })).toThrow(TypeError);
    expect(() => createClient({ apiKey: "sk-test", ...options })).toThrow(expected);
    await expect(cancelUpload(clientOf(server), "upload_abc123", options)).rejects.toThrow(expected);
    expect(server.requests).toHaveLength(0);
  });
});

test("a dispatcher in requestInitExt is used", async () => {
  const dispatched = vi.fn(() => {
    throw new Error("dispatched");
  });
  for (const fetch of [undefined, (request: Request, init?: RequestInit) => globalThis.fetch(request, init)]) {
    const client = createClient({
      apiKey: "sk-test",
      maxRetries: 0,
      requestInitExt: { dispatcher: { dispatch: dispatched } },
      ...(fetch && { fetch }),
    });
    await rejection(cancelUpload(client, "upload_abc123"));
  }
  expect(dispatched).toHaveBeenCalledTimes(2);
});
