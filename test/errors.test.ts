import { EventEmitter, once } from "node:events";
import type { RequestListener } from "node:http";
import { setImmediate } from "node:timers/promises";
import { inspect } from "node:util";
import { Headers as UndiciHeaders } from "undici";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  ApiError,
  type CancelUploadOptions,
  ClientError,
  ConnectionError,
  cancelUpload,
  createClient,
  InvalidResponseError,
  TimeoutError,
} from "../src/index.js";
import { documentedErrors } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { inTurn, json, serve } from "./support/server.js";

const key = "sk-secret-0123456789";

afterEach(() => {
  vi.useRealTimers();
});

test("every error is a ClientError and an Error, and a TimeoutError is a ConnectionError", () => {
  for (const error of [ApiError, ConnectionError, InvalidResponseError, TimeoutError]) {
    expect(error.prototype).toBeInstanceOf(ClientError);
    expect(error.prototype).toBeInstanceOf(Error);
    expect(error.prototype.name).toBe(error.name);
  }
  expect(TimeoutError.prototype).toBeInstanceOf(ConnectionError);
});

test("in a log, an ApiError says what helps on one line above its stack, without the whole answer", async () => {
  const error = { message: "No such\nUpload\u001b[2J", type: "invalid_request_error", param: "upload_id", code: null };
  await using server = await serve(
    json(404, { error, more: "more" }, { "x-request-id": "req_1", "set-cookie": "a=b" }),
  );
  const client = createClient({ baseUrl: server.url, apiKey: key });
  const rejected = await rejection(cancelUpload(client, "upload_abc123"));

  const [first, ...rest] = inspect(rejected).split("\n");
  expect(first).toBe("ApiError: Cancelling upload_abc123 failed: 404 No such Upload [2J (request: req_1, attempts: 1)");
  const properties = rest.filter((line) => !line.startsWith("    at ")).join("\n");
  expect(properties).toMatch(/status: 404/);
  expect(properties).toMatch(/requestId: 'req_1'/);
  expect(properties).not.toMatch(/more|cookie/);
  expect(rejected).toMatchObject({ body: { error, more: "more" }, param: "upload_id" });
  expect(rejected).toHaveProperty("headers", expect.any(Headers));
});

test("if an earlier attempt got no answer, the error of a later one says so", async () => {
  const refusal = documentedErrors.find(({ name }) => name === "already_cancelled")?.error;
  await using server = await serve(inTurn((request) => request.socket.destroy(), json(400, { error: refusal })));
  const client = createClient({ baseUrl: server.url, apiKey: key });
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(error).toMatchObject({ name: "ApiError", status: 400, attempts: 2 });
  expect(String(error)).toBe(
    "ApiError: Cancelling upload_abc123 failed: 400 Upload upload_abc123 has already been cancelled. (unanswered: 1, attempts: 2)",
  );
});

describe("the key never shows, even if the server repeats it", () => {
  const echo = { error: { message: `No key ${key}`, type: key, param: key, code: key }, [`${key}`]: [{ key }] };
  const headers = { "x-request-id": key, "x-echo": `Bearer ${key}`, location: `https://localhost/?key=${key}` };

  test.for([
    ["as an error", json(401, { ...echo, [key]: undefined }, headers)],
    ["as an error that isn't JSON", (_request, response) => response.writeHead(401, headers).end(`<p>${key}</p>`)],
    ["as a success", json(200, { ...echo, [key]: undefined }, headers)],
    ["as a success that isn't JSON", (_request, response) => response.writeHead(200, headers).end(`<p>${key}</p>`)],
    ["as a redirect", json(307, {}, headers)],
  ] satisfies [string, Parameters<typeof serve>[0]][])("%s", async ([, answer]) => {
    await using server = await serve(answer);
    for (const options of [
      { apiKey: key },
      { headers: { "api-key": key } },
      { headers: { authorization: `Bearer ${key}` } },
    ]) {
      const client = createClient({ baseUrl: server.url, ...options });
      const error = await rejection(cancelUpload(client, "upload_abc123"));
      expect(error).toBeInstanceOf(ClientError);
      const shown = [
        inspect(error, { depth: null, showHidden: true, getters: true }),
        error instanceof InvalidResponseError || error instanceof ApiError ? inspect(error.body, { depth: null }) : "",
        error instanceof ApiError ? inspect([...error.headers]) : "",
        error instanceof Error ? `${error.message} ${error.stack}` : "",
      ].join("\n");
      expect(shown).not.toContain(key);
    }
  });

  test("or if a custom fetch repeats it", async () => {
    const client = createClient({
      apiKey: key,
      maxRetries: 0,
      fetch: async (request) => {
        throw new TypeError(`can't send ${request.headers.get("authorization")}`);
      },
    });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(key);
    expect(String(error)).toContain("no response, can't send Bearer ***");
  });
});

test.for<[string, unknown]>([
  ["a string", `bad ${key}`],
  ["an object", { message: "bad", key }],
  ["an error with a cause", new Error("bad", { cause: new Error(key) })],
  ["several errors", new AggregateError([new Error(key)])],
  [
    "an error with its request",
    Object.assign(new Error("bad"), { request: new Request("http://a", { headers: { key } }) }),
  ],
  ["an error deep down", [1, 2, 3, 4, 5, 6, 7].reduce((cause) => new Error("bad", { cause }), new Error(key))],
  [
    "an error with the key in the URL of its request",
    Object.assign(new Error("bad"), { request: new Request(`http://a/?${key}`) }),
  ],
  ["a Map and a Set", [new Map([[key, 1]]), new Map([[1, { key }]]), new Set([key])]],
  ["a property's name", { [key]: 1 }],
  ["more objects than are searched", { all: Array.from({ length: 1_001 }, () => ({})), key }],
  [
    "an error with the Headers of another library",
    Object.assign(new Error("bad"), { headers: new UndiciHeaders({ key }) }),
  ],
  ["an error with a form", Object.assign(new Error("bad"), { form: new URLSearchParams({ key }) })],
  ["an error with a boxed string", Object.assign(new Error("bad"), { text: Object(key) })],
  ["an error that prints itself", Object.assign(new Error("bad"), { [inspect.custom]: () => key })],
  ["an error whose code is the key", Object.assign(new Error("bad"), { code: key })],
  ["an error with its configuration", Object.assign(new Error("bad"), { config: { headers: { authorization: key } } })],
])("a custom fetch that throws %s with the key never shows the key", async ([, thrown]) => {
  const fetch = () => Promise.reject(thrown);
  const error = await rejection(cancelUpload(createClient({ apiKey: key, fetch, maxRetries: 0 }), "upload_abc123"));
  expect(error).toBeInstanceOf(ConnectionError);
  expect(inspect(error, { depth: null, showHidden: true, getters: true })).not.toContain(key);
});

describe("a ConnectionError says why, as well as what was thrown says it", () => {
  test.for<[string, unknown, string]>([
    ["a text", "bad", "bad"],
    ["a number", 5, "5"],
    ["an error", new Error("bad"), "bad"],
    ["an error with a cause", new Error("fetch failed", { cause: new Error("refused") }), "refused"],
    ["an error whose cause is a text", new Error("fetch failed", { cause: "refused" }), "refused"],
    ["an error with a code alone", Object.assign(new Error(), { code: "ECONNRESET" }), "ECONNRESET"],
    ["an error that says nothing", new Error(), "connection lost"],
    ["nothing", undefined, "connection lost"],
  ])("%s", async ([, thrown, reason]) => {
    const fetch = () => Promise.reject(thrown);
    const error = await rejection(cancelUpload(createClient({ apiKey: key, fetch, maxRetries: 0 }), "upload_abc123"));
    expect(String(error)).toBe(
      `ConnectionError: Cancelling upload_abc123 failed: no response, ${reason} (attempts: 1)`,
    );
    if (thrown === undefined) expect(error).not.toHaveProperty("cause");
  });
});

test("of the causes of causes eight are copied, and what has none is given none", async () => {
  const chain = (causes: number): Error =>
    new Error(`${causes} more`, causes === 0 ? {} : { cause: chain(causes - 1) });
  for (const [causes, copied] of [
    [20, 8],
    [8, 8],
    [0, 0],
  ] as const) {
    const fetch = () => Promise.reject(chain(causes));
    const error = await rejection(cancelUpload(createClient({ apiKey: key, fetch, maxRetries: 0 }), "upload_abc123"));
    let last = Object(error).cause;
    for (let depth = 0; depth < copied; depth += 1) last = last.cause;
    expect(last).toMatchObject({ message: `${causes - copied} more` });
    expect(last).not.toHaveProperty("cause");
  }
});

const ownCause = new Error("bad");
ownCause.cause = ownCause;
const crowd = Array.from({ length: 40 }, (): object[] => []);
for (const one of crowd) one.push(...crowd);

test.for<[string, unknown]>([
  ["is its own cause", ownCause],
  ["has many parts that refer to each other", crowd],
  ["has a message that isn't a string", { message: Object.create(null) }],
  ["has no prototype", Object.create(null)],
  ["is null", null],
])("a custom fetch that throws something that %s still causes a ConnectionError", async ([, thrown]) => {
  const fetch = () => Promise.reject(thrown);
  const error = await rejection(cancelUpload(createClient({ apiKey: key, fetch, maxRetries: 0 }), "upload_abc123"));
  expect(error).toBeInstanceOf(ConnectionError);
  expect(inspect(error, { depth: null })).toContain("Cancelling upload_abc123 failed: no response, ");
});

test("the key that was sent never shows, where an earlier attempt's key comes when its time is up", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const tries = new EventEmitter();
  const fetch = async ({ headers }: Request) => {
    tries.emit("second");
    await setImmediate();
    return new Response(headers.get("authorization"), { status: 401 });
  };
  const apiKey = vi.fn(async () => key).mockImplementationOnce(() => once(tries, "second").then(() => "sk-old"));
  const rejected = rejection(cancelUpload(createClient({ apiKey, fetch, timeout: 500 }), "upload_abc123"));
  await vi.advanceTimersByTimeAsync(500); // the time-out
  await vi.advanceTimersByTimeAsync(500); // the wait
  expect(String(await rejected)).toContain("failed: 401 Bearer *** (attempts: 1)");
});

test("a key is hidden completely, even if the message is cut within it or if it is the name of a property", async () => {
  for (const body of ["x".repeat(290) + key, JSON.stringify({ [key]: "bad", detail: `no ${key}` })]) {
    await using server = await serve((_request, response) => response.writeHead(400).end(body));
    const error = await rejection(cancelUpload(createClient({ baseUrl: server.url, apiKey: key }), "upload_abc123"));
    expect(inspect(error, { depth: null, showHidden: true, getters: true })).not.toContain(key.slice(0, 12));
  }
});

test("a message is cut after 300 characters, not before, and has one space for all that would break its line", async () => {
  for (const [body, shown] of [
    ["m".repeat(296), "m".repeat(296)],
    ["m".repeat(297), `${"m".repeat(296)}…`],
    [" No such\r\n\tUpload", "No such Upload"],
    ["", "(empty body)"],
  ]) {
    await using server = await serve((_request, response) => response.writeHead(400).end(body));
    const error = await rejection(cancelUpload(createClient({ baseUrl: server.url, apiKey: key }), "upload_abc123"));
    expect(String(error)).toBe(`ApiError: Cancelling upload_abc123 failed: 400 ${shown} (attempts: 1)`);
  }
});

test("a message of the API that doesn't end is cut", async () => {
  await using server = await serve(json(400, { error: { message: "m".repeat(500_000) } }));
  const error = await rejection(cancelUpload(createClient({ baseUrl: server.url, apiKey: key }), "upload_abc123"));
  expect(String(error).length).toBeLessThan(400);
});

test.for(["123456", ":null,", '\\"error', "a\\nb'c"])(
  "hiding the key %j doesn't break the JSON around it",
  async (apiKey) => {
    const body = { error: { message: `No key ${apiKey}`, type: "t", param: null, code: null }, time: 9_123_456_789 };
    await using server = await serve(json(401, body));
    const error = await rejection(cancelUpload(createClient({ baseUrl: server.url, apiKey }), "upload_abc123"));
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
  const client = createClient({ baseUrl: server.url, apiKey: "key" });
  expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({ code: "invalid_api_key" });
});

test.for([200, 400])(
  "JSON that is nested too deep for the stack is an error like any other, with status %d",
  async (status) => {
    await using server = await serve((_request, response) =>
      response.writeHead(status).end("[".repeat(250_000) + "]".repeat(250_000)),
    );
    const client = createClient({ baseUrl: server.url, apiKey: key });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(error).toBeInstanceOf(status === 200 ? InvalidResponseError : ApiError);
    expect(String(error)).toContain(status === 200 ? "failed: 200, but not a " : "failed: 400 ");
    expect(String(error)).toContain('"JSON that is nested too deeply" (attempts: 1)');
  },
);

test("the cause of a ConnectionError is a copy of name, message, code and cause, made without calling the original's getters", async () => {
  const getter = vi.fn();
  const inner = Object.assign(new Error(`refused ${key}`), { code: "ECONNREFUSED" });
  const thrown = Object.defineProperty(new TypeError("fetch failed", { cause: inner }), "other", { get: getter });
  const fetch = () => Promise.reject(thrown);
  const error = await rejection(cancelUpload(createClient({ apiKey: key, fetch, maxRetries: 0 }), "upload_abc123"));
  expect(error).toMatchObject({
    cause: { name: "TypeError", message: "fetch failed", cause: { message: "refused ***", code: "ECONNREFUSED" } },
  });
  expect(inspect(error)).toContain("TypeError");
  expect(getter).not.toHaveBeenCalled();
});

describe("the key never shows", () => {
  const shownBy = (error: unknown) =>
    [
      inspect(error, { depth: null, showHidden: true, getters: true }),
      error instanceof ApiError || error instanceof InvalidResponseError
        ? inspect([error.body, ...error.headers], { depth: null, maxStringLength: null })
        : "",
    ].join("\n");

  test("if a body is cut at 1 MiB, in the middle of the key", async () => {
    await using server = await serve((_request, response) => {
      const start = "x".repeat(1024 * 1024 - 10) + key;
      response.writeHead(400).write(start, () => response.end("x".repeat(100_000)));
    });
    const error = await rejection(cancelUpload(createClient({ baseUrl: server.url, apiKey: key }), "upload_abc123"));
    expect(error).toBeInstanceOf(ApiError);
    expect(shownBy(error)).not.toContain(key.slice(0, 6));
  });

  test("percent-encoded in a location", async () => {
    const apiKey = "sk-a+b/c=d_*m.n~JKLMNOjklmno";
    const encoded = encodeURIComponent(apiKey);
    await using server = await serve(json(307, {}, { location: `https://localhost/?key=${encoded}` }));
    const error = await rejection(cancelUpload(createClient({ baseUrl: server.url, apiKey }), "upload_abc123"));
    expect(String(error)).toContain("redirect to https://localhost/?key=***, which was not followed (attempts: 1)");
    expect(shownBy(error)).not.toContain(encoded);
  });

  test.for([
    { authorization: 'Token token="first-value", nonce="second-value"' },
    { authorization: "Token token=first-value,nonce=second-value" },
    { "api-key": "first-value second-value" },
    { "x-api-key": "first-value" },
    { authorization: "Bearer first-value", "x-api-key": "second-value" },
  ])("in the values of %j", async (headers) => {
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
  ])("in the values of %j, be they of short words or of base64", async ([headers, value]) => {
    await using server = await serve(json(401, { error: { message: `no ${value}` } }));
    const client = createClient({ baseUrl: server.url, headers });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(String(error)).toContain("failed: 401 no *** (attempts: 1)");
  });

  test("nor a key that only an earlier attempt sent", async () => {
    const keys = ["sk-first-key", "sk-second-key"];
    await using server = await serve(
      inTurn(json(500, {}, { "retry-after-ms": "0" }), json(401, { error: { message: "no sk-first-key" } })),
    );
    const client = createClient({ baseUrl: server.url, apiKey: () => keys.shift() ?? "" });
    expect(shownBy(await rejection(cancelUpload(client, "upload_abc123")))).not.toContain("sk-first-key");
  });
});

describe("the stack of an error names the line that called cancelUpload()", () => {
  test.for<[string, RequestListener, timeout?: number]>([
    ["ApiError", json(404, {})],
    ["InvalidResponseError", json(200, {})],
    ["InvalidResponseError", json(307, {}, { location: "/" })],
    ["ConnectionError", (request) => request.socket.destroy()],
    ["TimeoutError", () => {}, 100],
  ])("%s", async ([name, answer, timeout]) => {
    await using server = await serve(answer);
    const client = createClient({ baseUrl: server.url, apiKey: key, maxRetries: 0, timeout });
    async function theCaller(options: CancelUploadOptions) {
      return await cancelUpload(client, "upload_abc123", options);
    }
    for (const options of [{}, { signal: new AbortController().signal }]) {
      const error = await rejection(theCaller(options));
      expect(error).toMatchObject({
        name,
        stack: expect.stringMatching(/^ {4}at (async )?theCaller \(.*errors\.test\.ts/m),
      });
      expect(error).toHaveProperty("stack", expect.stringMatching(new RegExp(`^${name}: Cancelling upload_abc123 `)));
    }
  });
});

test("an engine that can't cut a stack, as older browsers, has the same errors", async () => {
  const { captureStackTrace } = Error;
  await using server = await serve(json(404, {}));
  try {
    Reflect.set(Error, "captureStackTrace", undefined);
    const error = await rejection(cancelUpload(createClient({ baseUrl: server.url, apiKey: key }), "upload_abc123"));
    expect(error).toBeInstanceOf(ApiError);
  } finally {
    Error.captureStackTrace = captureStackTrace;
  }
});

test("the name of an error can be set", async () => {
  await using server = await serve(json(404, {}));
  const error = await rejection(cancelUpload(createClient({ baseUrl: server.url, apiKey: key }), "upload_abc123"));
  if (error instanceof Error) error.name = "Other";
  expect(String(error)).toMatch(/^Other: /);
});

test("a message shows at most 300 characters of a cause, a location or a request ID", async () => {
  const long = "x".repeat(5_000);
  const fetch = () => Promise.reject(new Error(long));
  await using server = await serve(
    inTurn(json(307, {}, { location: `/${long}` }), json(404, {}, { "x-request-id": long })),
  );
  for (const options of [{ fetch }, { baseUrl: server.url }, { baseUrl: server.url }]) {
    const client = createClient({ apiKey: key, maxRetries: 0, ...options });
    const { message } = Object(await rejection(cancelUpload(client, "upload_abc123")));
    expect(message).toMatch(/x{200,300}…/);
    expect(message.length).toBeLessThan(450);
  }
});
