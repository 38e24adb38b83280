import { EventEmitter, once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { inspect } from "node:util";
import { Headers as UndiciHeaders } from "undici";
import { describe, expect, test, vi } from "vitest";
import {
  ApiError,
  ClientError,
  ConnectionError,
  cancelUpload,
  createClient,
  InvalidResponseError,
} from "../src/index.js";
import { clientOf, key } from "./support/client.js";
import { rejection } from "./support/rejection.js";
import { inTurn, json, serve } from "./support/server.js";
import { fakeTimers } from "./support/timers.js";

/** Everything that an error can show. */
function shownBy(error: unknown): string {
  const isOfResponse = error instanceof ApiError || error instanceof InvalidResponseError;
  return [
    inspect(error, { depth: null, showHidden: true, getters: true }),
    isOfResponse ? inspect([error.body, ...error.headers], { depth: null, maxStringLength: null }) : "",
    error instanceof Error ? `${error.message} ${error.stack}` : "",
  ].join("\n");
}

describe("an error never shows the key, even if the server repeats it", () => {
  const echo = { error: { message: `No key ${key}`, type: key, param: key, code: key }, [`${key}`]: [{ key }] };
  const headers = { "x-request-id": key, "x-echo": `Bearer ${key}`, location: `https://localhost/?key=${key}` };

  test.for([
    ["in an error", json(401, { ...echo, [key]: undefined }, headers)],
    ["in an error that isn't JSON", (_request, response) => response.writeHead(401, headers).end(`<p>${key}</p>`)],
    ["in a success", json(200, { ...echo, [key]: undefined }, headers)],
    ["in a success that isn't JSON", (_request, response) => response.writeHead(200, headers).end(`<p>${key}</p>`)],
    ["in a redirect", json(307, {}, headers)],
  ] satisfies [string, Parameters<typeof serve>[0]][])("%s", async ([, respond]) => {
    await using server = await serve(respond);
    for (const options of [
      { apiKey: key },
      { headers: { "api-key": key } },
      { headers: { authorization: `Bearer ${key}` } },
    ]) {
      const client = createClient({ baseUrl: server.url, ...options });
      const error = await rejection(cancelUpload(client, "upload_abc123"));
      expect(error).toBeInstanceOf(ClientError);
      expect(shownBy(error)).not.toContain(key);
    }
  });

  test("across the 300-character limit of a message", async () => {
    await using server = await serve((_request, response) => response.writeHead(400).end("x".repeat(290) + key));
    const error = await rejection(cancelUpload(clientOf(server, { apiKey: key }), "upload_abc123"));
    expect(shownBy(error)).not.toContain(key.slice(0, 12));
  });

  test("as the name of a property", async () => {
    await using server = await serve(json(400, { [key]: "bad", detail: `no ${key}` }));
    const error = await rejection(cancelUpload(clientOf(server, { apiKey: key }), "upload_abc123"));
    expect(shownBy(error)).not.toContain(key.slice(0, 12));
  });

  test("across the 1 MiB limit of a body", async () => {
    await using server = await serve((_request, response) => {
      const start = "x".repeat(1024 * 1024 - 10) + key;
      response.writeHead(400).write(start, () => response.end("x".repeat(100_000)));
    });
    const error = await rejection(cancelUpload(clientOf(server, { apiKey: key }), "upload_abc123"));
    expect(error).toBeInstanceOf(ApiError);
    expect(shownBy(error)).not.toContain(key.slice(0, 6));
  });

  test("escaped in JSON, as in a message that shows the body", async () => {
    const apiKey = 'sk-abc\\defghij"klmnop';
    await using server = await serve(json(400, { detail: apiKey }));
    const error = await rejection(cancelUpload(clientOf(server, { apiKey }), "upload_abc123"));
    expect(String(error)).toContain('400 {"detail":"***"} (attempts: 1)');
    await using proxy = await serve(json(200, { log: JSON.stringify({ detail: apiKey }) })); // JSON in JSON
    const twice = await rejection(cancelUpload(clientOf(proxy, { apiKey }), "upload_abc123"));
    for (const part of ["defghij", "klmnop"]) expect(shownBy(error) + shownBy(twice)).not.toContain(part);
  });

  test("escaped in a message in JSON or CSV", async () => {
    const quoted = 'sk-"secret"-\\-0123456789';
    const message = `${JSON.stringify({ quoted })} "${quoted.replaceAll('"', '""')}"`;
    await using server = await serve(json(400, { error: { message } }));
    const error = await rejection(cancelUpload(clientOf(server, { apiKey: quoted }), "upload_abc123"));
    expect(String(error)).toBe('ApiError: Cancelling upload_abc123 failed: 400 {"quoted":"***"} "***" (attempts: 1)');
    expect(shownBy(error)).not.toMatch(/secret|0123456789/);
  });

  test("if it is part of another one", async () => {
    const keys = ["sk-first", "sk-first-and-longer"];
    await using server = await serve(
      inTurn(json(500, {}, { "retry-after-ms": "1" }), json(401, { error: { message: "no sk-first-and-longer" } })),
    );
    const error = await rejection(cancelUpload(clientOf(server, { apiKey: () => keys.shift() ?? "" }), "upload_1"));
    expect(String(error)).toContain("401 no *** (unconfirmed: 1, attempts: 2)");
  });

  test("percent-encoded in a location", async () => {
    const apiKey = "sk-a+b/c=d_*m.n~JKLMNOjklmno";
    const encoded = encodeURIComponent(apiKey);
    await using server = await serve(json(307, {}, { location: `https://localhost/?key=${encoded}` }));
    const error = await rejection(cancelUpload(clientOf(server, { apiKey }), "upload_abc123"));
    expect(String(error)).toContain("redirect to https://localhost/?key=***, which was not followed (attempts: 1)");
    expect(shownBy(error)).not.toContain(encoded);
  });

  test.for([
    { authorization: 'Token token="first-value", nonce="second-value"' },
    { authorization: "Token token=first-value,nonce=second-value" },
    { "api-key": "first-value second-value" },
    { "x-api-key": "first-value" },
    { authorization: "Bearer first-value", "x-api-key": "second-value" },
  ])("one value of %j", async (headers) => {
    await using server = await serve(json(401, { error: { message: "no first-value, no second-value" } }));
    const client = createClient({ baseUrl: server.url, headers });
    const shown = shownBy(await rejection(cancelUpload(client, "upload_abc123")));
    expect(shown).not.toContain("first-value");
    if (JSON.stringify(headers).includes("second")) expect(shown).not.toContain("second-value");
  });

  test.for<[HeadersInit & Record<string, string>, string]>([
    [{ authorization: "Token  ab cd ef" }, "ab cd ef"],
    [{ authorization: "=ab cd ef" }, "=ab cd ef"],
    [{ "api-key": "user, c2VjcmV0==" }, "c2VjcmV0=="],
  ])("the value of %j, which consists of short words or base64", async ([headers, value]) => {
    await using server = await serve(json(401, { error: { message: `no ${value}` } }));
    const client = createClient({ baseUrl: server.url, headers });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(String(error)).toContain("failed: 401 no *** (attempts: 1)");
  });

  test("after a retry with another key", async () => {
    const keys = ["sk-first-key", "sk-second-key"];
    await using server = await serve(
      inTurn(json(500, {}, { "retry-after-ms": "1" }), json(401, { error: { message: "no sk-first-key" } })),
    );
    const client = clientOf(server, { apiKey: () => keys.shift() ?? "" });
    expect(shownBy(await rejection(cancelUpload(client, "upload_abc123")))).not.toContain("sk-first-key");
  });

  test("if the key for an earlier attempt arrives after the timeout", async () => {
    fakeTimers();
    const attempts = new EventEmitter();
    const fetch = async ({ headers }: Request) => {
      attempts.emit("second");
      await setImmediate();
      return new Response(headers.get("authorization"), { status: 401 });
    };
    const apiKey = vi.fn(async () => key).mockImplementationOnce(() => once(attempts, "second").then(() => "sk-old"));
    const rejected = rejection(cancelUpload(createClient({ apiKey, fetch, timeout: 500 }), "upload_abc123"));
    await vi.advanceTimersByTimeAsync(500); // the timeout
    await vi.advanceTimersByTimeAsync(500); // the delay
    expect(String(await rejected)).toContain("failed: 401 Bearer *** (attempts: 1)");
  });
});

test("if a custom fetch repeats the key in its error, the message shows *** instead", async () => {
  const client = createClient({
    apiKey: key,
    maxRetries: 0,
    fetch: async (request) => {
      throw new TypeError(`can't send ${request.headers.get("authorization")}`);
    },
  });
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(shownBy(error)).not.toContain(key);
  expect(String(error)).toContain("no response, can't send Bearer ***");
});

describe("an error never shows the key if a custom fetch throws", () => {
  test.for<[string, unknown]>([
    ["a string", `bad ${key}`],
    ["an object", { message: "bad", key }],
    ["an error with a cause", new Error("bad", { cause: new Error(key) })],
    ["several errors", new AggregateError([new Error(key)])],
    [
      "an error with its request",
      Object.assign(new Error("bad"), { request: new Request("http://a", { headers: { key } }) }),
    ],
    ["a deeply nested cause", [1, 2, 3, 4, 5, 6, 7].reduce((cause) => new Error("bad", { cause }), new Error(key))],
    [
      "an error with the URL of its request",
      Object.assign(new Error("bad"), { request: new Request(`http://a/?${key}`) }),
    ],
    ["a Map and a Set", [new Map([[key, 1]]), new Map([[1, { key }]]), new Set([key])]],
    ["an object with a property of that name", { [key]: 1 }],
    ["a large object", { all: Array.from({ length: 1_001 }, () => ({})), key }],
    [
      "an error with another library's Headers",
      Object.assign(new Error("bad"), { headers: new UndiciHeaders({ key }) }),
    ],
    ["an error with a form", Object.assign(new Error("bad"), { form: new URLSearchParams({ key }) })],
    ["an error with a boxed string", Object.assign(new Error("bad"), { text: Object(key) })],
    ["an error that prints itself", Object.assign(new Error("bad"), { [inspect.custom]: () => key })],
    ["an error with the key as its code", Object.assign(new Error("bad"), { code: key })],
    [
      "an error with its configuration",
      Object.assign(new Error("bad"), { config: { headers: { authorization: key } } }),
    ],
  ])("%s", async ([, thrown]) => {
    const fetch = () => Promise.reject(thrown);
    const error = await rejection(cancelUpload(createClient({ apiKey: key, fetch, maxRetries: 0 }), "upload_abc123"));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(shownBy(error)).not.toContain(key);
  });
});

test.for(["123456", ":null,", '\\"error', "a\\nb'c"])(
  "hiding the key %j doesn't break the JSON around it",
  async (apiKey) => {
    const body = { error: { message: `No key ${apiKey}`, type: "t", param: null, code: null }, time: 9_123_456_789 };
    await using server = await serve(json(401, body));
    const error = await rejection(cancelUpload(clientOf(server, { apiKey }), "upload_abc123"));
    expect(error).toMatchObject({
      name: "ApiError",
      body: { ...body, error: { ...body.error, message: "No key ***" } },
    });
  },
);

test("a short key doesn't hide words that contain it", async () => {
  const error = {
    message: "The API key is wrong",
    type: "invalid_request_error",
    param: null,
    code: "invalid_api_key",
  };
  await using server = await serve(json(401, { error }));
  const client = clientOf(server, { apiKey: "key" });
  expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({ code: "invalid_api_key" });
});

describe("the cause of a ConnectionError", () => {
  const causeOf = async (thrown: unknown) => {
    const client = createClient({ apiKey: key, fetch: () => Promise.reject(thrown), maxRetries: 0 });
    return Object(await rejection(cancelUpload(client, "upload_abc123"))).cause;
  };

  test("is a copy of the name, message, code and cause, made without calling other getters", async () => {
    const getter = vi.fn();
    const inner = Object.assign(new Error(`refused ${key}`), { code: "ECONNREFUSED" });
    const thrown = Object.defineProperty(new TypeError("fetch failed", { cause: inner }), "other", { get: getter });
    const cause = await causeOf(thrown);
    expect(cause).toMatchObject({
      name: "TypeError",
      message: "fetch failed",
      cause: { message: "refused ***", code: "ECONNREFUSED" },
    });
    expect(inspect(cause)).toContain("TypeError");
    expect(getter).not.toHaveBeenCalled();
  });

  test.for([
    [20, 8],
    [8, 8],
    [0, 0],
  ] as const)("that has %d causes of its own is copied with %d of them", async ([causes, copied]) => {
    const chain = (causes: number): Error =>
      new Error(`${causes} more`, causes === 0 ? {} : { cause: chain(causes - 1) });
    let last = await causeOf(chain(causes));
    for (let depth = 0; depth < copied; depth += 1) last = last.cause;
    expect(last).toMatchObject({ message: `${causes - copied} more` });
    expect(last).not.toHaveProperty("cause");
  });
});
