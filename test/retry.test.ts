import { createServer } from "node:http";
import { ProxyAgent } from "undici";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ApiError, ConnectionError, cancelUpload, cancelUploads, createClient } from "../src/index.js";
import { clientOf } from "./support/client.js";
import { cancelledUpload } from "./support/contract.js";
import { lost } from "./support/faults.js";
import { rejection } from "./support/rejection.js";
import { collect, ids } from "./support/results.js";
import { cancelling, inTurn, json, listen, serve } from "./support/server.js";
import { fakeTimers, until } from "./support/timers.js";

const NEW_YEAR = "2026-01-01T00:00:00Z";
/** So that a retry doesn't take time. */
const soon = { "retry-after-ms": "1" };

/** The delays between the attempts of a call, in ms, if every response has these headers. Needs fake timers. */
async function delays(headers: HeadersInit, maxRetries: number): Promise<number[]> {
  const sent: number[] = [];
  const fetch = async () => {
    sent.push(Date.now());
    return new Response("{}", { status: 503, headers });
  };
  const settled = rejection(cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123", { maxRetries }));
  await vi.runAllTimersAsync();
  await settled;
  return sent.slice(1).map((time, index) => time - (sent[index] ?? 0));
}

describe("a failure that can be temporary is retried", () => {
  test.for([408, 409, 429, 500, 502, 503, 504, 520, 599])("%d", async (status) => {
    await using server = await serve(inTurn(json(status, {}, soon), cancelling));
    expect(await cancelUpload(clientOf(server), "upload_abc123")).toEqual(cancelledUpload);
    expect(server.requests).toHaveLength(2);
  });

  test.concurrent.for(Object.entries(lost))("%s", async ([, respond], { expect }) => {
    await using server = await serve(inTurn(respond, cancelling));
    expect(await cancelUpload(clientOf(server), "upload_abc123")).toEqual(cancelledUpload);
    expect(server.requests).toHaveLength(2);
  });
});

describe("after the last retry the call rejects, and says how many requests it sent", () => {
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

  test.concurrent.for(Object.entries(lost))("%s", async ([, respond], { expect }) => {
    await using server = await serve(respond);
    const client = clientOf(server, { maxRetries: 1 });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(error).toMatchObject({ name: "ConnectionError", attempts: 2, cause: expect.any(Error) });
    expect(String(error)).toMatch(
      /^ConnectionError: Cancelling upload_abc123 failed: (no response|200 with a body that can't be read), .+ \(attempts: 2\)$/,
    );
  });

  test("no server", async () => {
    const server = await serve(cancelling);
    await server[Symbol.asyncDispose]();
    const error = await rejection(cancelUpload(clientOf(server, { maxRetries: 0 }), "upload_abc123"));
    expect(String(error)).toMatch(/no response, connect ECONNREFUSED 127\.0\.0\.1:\d+ \(attempts: 1\)$/);
  });
});

describe("a failure that a retry can't help rejects immediately", () => {
  test.for([400, 401, 403, 404, 410, 422, 451])("%d", async (status) => {
    await using server = await serve(json(status, {}));
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123"))).toMatchObject({ status, attempts: 1 });
    expect(server.requests).toHaveLength(1);
  });

  test.for([
    { code: "insufficient_quota", type: "insufficient_quota" },
    { code: "insufficient_quota", type: null },
    { code: "credit_balance_exhausted", type: "insufficient_quota" },
  ])("429 with code $code and type $type", async (error) => {
    await using server = await serve(json(429, { error }, soon));
    const rejected = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(rejected).toMatchObject({ name: "ApiError", status: 429, ...error, attempts: 1 });
    expect(server.requests).toHaveLength(1);
  });

  test.for([
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "CERT_HAS_EXPIRED",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  ])("the TLS error %s", async (code) => {
    const fetch = vi.fn(async () => {
      throw new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code }) });
    });
    const call = cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123");
    expect(await rejection(call)).toMatchObject({ name: "ConnectionError", attempts: 1 });
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  test("https at a server that only speaks http", async () => {
    await using server = await serve(cancelling);
    const client = clientOf({ url: server.url.replace("http:", "https:") });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({
      name: "ConnectionError",
      attempts: 1,
      cause: { cause: { code: "ERR_SSL_WRONG_VERSION_NUMBER" } },
    });
  });
});

describe("a proxy that refuses to connect", () => {
  /** A fetch through a proxy that answers CONNECT with this status. */
  async function proxied(status: number) {
    const proxy = createServer();
    proxy.on("connect", (_request, socket) => socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`));
    const port = await listen(proxy);
    const dispatcher = new ProxyAgent(`http://127.0.0.1:${port}`);
    onTestFinished(async () => {
      await dispatcher.destroy();
      proxy.closeAllConnections();
      proxy.close();
    });
    const fetch = vi.fn((request: Request, init?: RequestInit) => globalThis.fetch(request, init));
    const client = createClient({ apiKey: "sk-test", requestInitExt: { dispatcher }, fetch });
    return { client, fetch };
  }

  test.for([407, 403])("isn't asked again, and the error gives its status: %d", async (status) => {
    const { client, fetch } = await proxied(status);
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(error).toMatchObject({ name: "ConnectionError", attempts: 1 });
    expect(String(error)).toContain(`no response, Proxy response (${status}) !== 200 when HTTP Tunneling`);
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  test("ends a run", async () => {
    const { client, fetch } = await proxied(407);
    const { results, thrown } = await collect(cancelUploads(client, ids(100), { concurrency: 4 }));
    expect(thrown).toMatchObject({ name: "ConnectionError" });
    expect([results.length, fetch.mock.calls.length]).toEqual([4, 4]);
  });

  test("for now is asked again: 503", async () => {
    const { client, fetch } = await proxied(503);
    await rejection(cancelUpload(client, "upload_abc123", { maxRetries: 1 }));
    expect(fetch).toHaveBeenCalledTimes(2);
  });
});

test("a dispatcher of another undici than fetch isn't tried again, and the error says what helps", async () => {
  const cause = Object.assign(new Error("invalid onRequestStart method"), { code: "UND_ERR_INVALID_ARG" });
  const fetch = vi.fn(() => Promise.reject(new TypeError("fetch failed", { cause })));
  const error = await rejection(cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123"));
  expect(String(error)).toContain(
    "no response, invalid onRequestStart method: pass the dispatcher's own fetch and Request, too (attempts: 1)",
  );
  expect(fetch).toHaveBeenCalledTimes(1);
});

describe("x-should-retry is honored", () => {
  test("true, for a status that isn't retried otherwise", async () => {
    await using server = await serve(inTurn(json(400, {}, { ...soon, "x-should-retry": "true" }), cancelling));
    await cancelUpload(clientOf(server), "upload_abc123");
    expect(server.requests).toHaveLength(2);
  });

  test("false, for a status that is retried otherwise", async () => {
    await using server = await serve(json(503, {}, { "x-should-retry": "false" }));
    await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(server.requests).toHaveLength(1);
  });

  test("but not on a success", async () => {
    await using server = await serve(json(200, cancelledUpload, { ...soon, "x-should-retry": "true" }));
    await cancelUpload(clientOf(server), "upload_abc123");
    expect(server.requests).toHaveLength(1);
  });
});

describe("the delay before a retry", () => {
  test("doubles from 0.5 s to 8 s, minus up to 25% jitter", async () => {
    fakeTimers();
    for (const [index, delay] of (await delays({}, 7)).entries()) {
      const most = Math.min(500 * 2 ** index, 8_000);
      expect(delay).toBeGreaterThanOrEqual(most * 0.75 - 1);
      expect(delay).toBeLessThanOrEqual(most);
    }
    const random = vi.spyOn(Math, "random");
    for (const [value, delay] of [
      [0, 500],
      [0.5, 437],
      [1, 375],
    ] as const) {
      random.mockReturnValue(value);
      expect(await delays({}, 1)).toEqual([delay]);
    }
    random.mockRestore();
  });

  test.for<[HeadersInit, number]>([
    [{ "retry-after-ms": "1234" }, 1_234],
    [{ "retry-after-ms": "1" }, 1],
    [{ "retry-after-ms": "0", "retry-after": "7" }, 7_000],
    [{ "retry-after": "7, 7" }, 7_000],
    [{ "retry-after": "Thu Jan  1 00:00:20 2026" }, 20_000],
    [{ "retry-after": "Thursday, 01-Jan-26 00:00:20 GMT" }, 20_000],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:20 GMT, Thu, 01 Jan 2026 00:00:40 GMT" }, 20_000],
    [{ "retry-after": "Thu, 01 Jan 2026 01:00:05 GMT", date: "Thu, 01 Jan 2026 01:00:00 GMT" }, 5_000],
    [
      [
        ["retry-after", "1"],
        ["retry-after", "5"],
      ],
      1_000,
    ],
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after": "1.25" }, 1_250],
    [{ "retry-after": "60" }, 60_000],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:20 GMT" }, 20_000],
    [{ "retry-after-ms": "1234", "retry-after": "7" }, 1_234],
    [{ "retry-after-ms": "soon", "retry-after": "7" }, 7_000],
  ])("is as long as the server asks: %j", async ([headers, delay]) => {
    fakeTimers(NEW_YEAR);
    expect(await delays(headers, 1)).toEqual([delay]);
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
    { "retry-after": "in 5 minutes" },
    { "retry-after": "0" },
    { "retry-after-ms": "0" },
    { "retry-after-ms": "-5" },
  ])("is the usual one if the server sends %j", async (headers) => {
    fakeTimers(NEW_YEAR);
    const [delay] = await delays(headers, 1);
    expect(delay).toBeGreaterThanOrEqual(374);
    expect(delay).toBeLessThanOrEqual(500);
  });
});

describe("a requested wait longer than maxWait rejects immediately", () => {
  test.for<[HeadersInit, number]>([
    [{ "retry-after": "121" }, 121_000],
    [{ "retry-after-ms": "120001" }, 120_001],
    [{ "retry-after": "Thu, 01 Jan 2026 01:00:00 GMT" }, 3_600_000],
    [{ "retry-after": "999999999999999" }, 999_999_999_999_999_000],
  ])("by default 120 s: %j", async ([headers, retryAfter]) => {
    const pending = fakeTimers(NEW_YEAR);
    const fetch = vi.fn(async () => new Response("{}", { status: 429, headers }));
    const error = await rejection(cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123"));
    expect(error).toMatchObject({ name: "ApiError", status: 429, retryAfter, attempts: 1 });
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(pending()).toBe(0);
  });

  test.for<[string, clientWait: number | undefined, callWait: number | undefined]>([
    ["as the call's option", undefined, 4_999],
    ["as the client's option", 4_999, undefined],
    ["as the call's option, which overrides the client's", 60_000, 4_999],
  ])("%s", async ([, clientWait, callWait]) => {
    await using server = await serve(json(429, {}, { "retry-after": "5" }));
    const call = cancelUpload(clientOf(server, { maxWait: clientWait }), "upload_abc123", { maxWait: callWait });
    const error = await rejection(call);
    expect(error).toMatchObject({ name: "ApiError", status: 429, retryAfter: 5_000, attempts: 1 });
    expect(String(error)).toContain("(retry after: 5 s, attempts: 1)");
    expect(server.requests).toHaveLength(1);
  });

  test("but a wait of exactly maxWait is accepted", async () => {
    fakeTimers();
    const fetch = vi.fn(async () => Response.json(cancelledUpload));
    fetch.mockResolvedValueOnce(Response.json({}, { status: 429, headers: { "retry-after": "5" } }));
    const client = createClient({ apiKey: "sk-test", fetch, maxWait: 5_000 });
    const call = cancelUpload(client, "upload_abc123");
    await vi.advanceTimersByTimeAsync(4_999);
    expect(fetch).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await call).toEqual(cancelledUpload);
    expect(fetch).toHaveBeenCalledTimes(2);
  });
});

test("a short maxWait doesn't limit the client's own delays", async () => {
  await using server = await serve(inTurn(json(500, {}), cancelling));
  expect(await cancelUpload(clientOf(server, { maxWait: 0 }), "upload_abc123")).toEqual(cancelledUpload);
});

describe("onRetry is called", () => {
  const failures = [
    async () => Response.json({}, { status: 429, headers: { "retry-after": "5" } }),
    () => Promise.reject(new TypeError("fetch failed")),
    async () => Response.json({}, { status: 503 }),
  ];

  test("with the error and the delay of each attempt that will be retried, so not after the last one", async () => {
    fakeTimers();
    const fetch = () => failures[attempts++]?.() ?? Promise.reject();
    let attempts = 0;
    const onRetry = vi.fn();
    const rejected = rejection(cancelUpload(createClient({ apiKey: "sk-test", fetch, onRetry }), "upload_abc123"));
    await vi.runAllTimersAsync();
    expect(await rejected).toMatchObject({ status: 503, attempts: 3 });
    expect(onRetry.mock.calls).toEqual([
      [expect.any(ApiError), 5_000],
      [expect.any(ConnectionError), expect.any(Number)],
    ]);
    expect(onRetry.mock.calls[0]?.[0]).toMatchObject({ status: 429, attempts: 1 });
    expect(onRetry.mock.calls[1]?.[0]).toMatchObject({ attempts: 2 });
    expect(onRetry.mock.calls[1]?.[1]).toBeGreaterThanOrEqual(750);
    expect(onRetry.mock.calls[1]?.[1]).toBeLessThanOrEqual(1_000);
  });

  test("before the delay, and a call's own replaces the client's", async () => {
    const pending = fakeTimers();
    const fetch = vi.fn(async () => Response.json({}, { status: 429, headers: { "retry-after": "30" } }));
    const controller = new AbortController();
    const onRetry = vi.fn(() => controller.abort("enough"));
    const replaced = vi.fn();
    const client = createClient({ apiKey: "sk-test", fetch, onRetry: replaced });
    const options = { onRetry, signal: controller.signal };
    expect(await rejection(cancelUpload(client, "upload_abc123", options))).toBe("enough");
    expect(onRetry).toHaveBeenCalledTimes(1);
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(replaced).not.toHaveBeenCalled();
    expect(pending()).toBe(0);
  });

  test("and waited for, for as long as it takes", async () => {
    await using server = await serve(inTurn(json(500, {}, soon), cancelling));
    let finish = () => {};
    const onRetry = vi.fn(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    const call = cancelUpload(clientOf(server, { onRetry }), "upload_abc123");
    await until(() => onRetry.mock.calls.length > 0);
    await fetch(server.url); // A retry would arrive before this request.
    expect(server.requests).toHaveLength(2);
    finish();
    expect(await call).toEqual(cancelledUpload);
  });

  test.for<[string, () => Promise<void>]>([
    ["rejects", () => Promise.reject(new Error("the log is full"))],
    [
      "throws",
      () => {
        throw new Error("the log is full");
      },
    ],
  ])("and if it %s, the call rejects with its error, without a retry", async ([, onRetry]) => {
    await using server = await serve(json(500, {}, soon));
    const call = cancelUpload(clientOf(server, { onRetry }), "upload_abc123");
    expect(String(await rejection(call))).toBe("Error: the log is full");
    expect(server.requests).toHaveLength(1);
  });

  test.for([
    ["with maxRetries: 0", 500, { maxRetries: 0 }],
    ["for an error that isn't retried", 404, {}],
    ["for a success", 200, {}],
  ] as const)("but not %s", async ([, status, options]) => {
    await using server = await serve(json(status, cancelledUpload));
    const onRetry = vi.fn();
    await cancelUpload(clientOf(server), "upload_abc123", { onRetry, ...options }).catch(() => {});
    expect(server.requests).toHaveLength(1);
    expect(onRetry).not.toHaveBeenCalled();
  });
});

test("each attempt asks for the key again", async () => {
  await using server = await serve(inTurn(json(500, {}, soon), cancelling));
  const keys = ["sk-first", "sk-second"];
  await cancelUpload(clientOf(server, { apiKey: async () => keys.shift() ?? "" }), "upload_abc123");
  expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer sk-first", "Bearer sk-second"]);
});

test("an option can be as large as a timer allows", async () => {
  const largest = { maxRetries: 2 ** 31 - 1, timeout: 2 ** 31 - 1, maxWait: 2 ** 31 - 1 };
  const client = createClient({ apiKey: "sk-test", fetch: async () => Response.json(cancelledUpload), ...largest });
  expect(await cancelUpload(client, "upload_abc123", largest)).toEqual(cancelledUpload);
});

describe("an invalid option is a TypeError, and nothing is sent", () => {
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
    { maxWait: "1m" },
  ])("%o", async (options) => {
    await using server = await serve(cancelling);
    const expected = {
      maxRetries: "maxRetries must be a whole number from 0 to 2147483647",
      timeout: "timeout must be a whole number of milliseconds from 0 to 2147483647; 0 means no limit",
      maxWait: "maxWait must be a whole number of milliseconds from 0 to 2147483647",
    }[Object.keys(options)[0] ?? ""];
    expect(() => createClient({ apiKey: "sk-test", ...options })).toThrow(TypeError);
    expect(() => createClient({ apiKey: "sk-test", ...options })).toThrow(expected);
    await expect(cancelUpload(clientOf(server), "upload_abc123", options)).rejects.toThrow(expected);
    expect(server.requests).toHaveLength(0);
  });
});
