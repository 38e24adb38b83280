import type { RequestListener } from "node:http";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
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
import { clientOf } from "./support/client.js";
import { documentedErrors } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { run } from "./support/run.js";
import { inTurn, json, serve } from "./support/server.js";

test("every error is a ClientError and an Error, and a TimeoutError is a ConnectionError", () => {
  for (const error of [ApiError, ConnectionError, InvalidResponseError, TimeoutError]) {
    expect(error.prototype).toBeInstanceOf(ClientError);
    expect(error.prototype).toBeInstanceOf(Error);
    expect(error.prototype.name).toBe(error.name);
  }
  expect(TimeoutError.prototype).toBeInstanceOf(ConnectionError);
});

describe("in dist, an error has the name of its class, as loggers show it:", () => {
  const script = `
    const { inspect } = require("node:util");
    const respond = (status) => async () => Response.json({}, { status });
    const cases = [
      { fetch: respond(404) },
      { fetch: respond(200) },
      { fetch: async () => { throw new Error("lost") } },
      { fetch: () => new Promise(() => {}), timeout: 10 },
    ];
    void (async () => {
      for (const options of cases) {
        const client = createClient({ apiKey: "sk-test", maxRetries: 0, ...options });
        const error = await cancelUpload(client, "upload_abc123").catch((error) => error);
        console.log(error.constructor.name, error.name, inspect(error).split(":")[0]);
      }
    })();`;
  const names = ["ApiError", "InvalidResponseError", "ConnectionError", "TimeoutError"];
  const expected = names.map((name) => `${name} ${name} ${name}\n`).join("");

  test.for([
    [
      "an ES module",
      "module",
      `import { createRequire } from "node:module";
       import { cancelUpload, createClient } from "./dist/index.js";
       const require = createRequire(import.meta.url);`,
    ],
    ["CommonJS", "commonjs", 'const { cancelUpload, createClient } = require("./dist/index.cjs");'],
  ] as const)("%s", async ([, type, imports]) => {
    const ended = await run(process.execPath, [`--input-type=${type}`, "--eval", imports + script]);
    expect(ended).toEqual({ exitCode: 0, stdout: expected, stderr: "" });
  });
});

test("in a log, an ApiError shows the essentials on one line above its stack, and not the whole response", async () => {
  const error = { message: "No such\nUpload\u001b[2J", type: "invalid_request_error", param: "upload_id", code: null };
  await using server = await serve(
    json(404, { error, more: "more" }, { "x-request-id": "req_1", "set-cookie": "a=b" }),
  );
  const rejected = await rejection(cancelUpload(clientOf(server), "upload_abc123"));

  const [first, ...rest] = inspect(rejected).split("\n");
  expect(first).toBe("ApiError: Cancelling upload_abc123 failed: 404 No such Upload [2J (request: req_1, attempts: 1)");
  const properties = rest.filter((line) => !line.startsWith("    at ")).join("\n");
  expect(properties).toMatch(/status: 404/);
  expect(properties).toMatch(/requestId: 'req_1'/);
  expect(properties).not.toMatch(/more|cookie/);
  expect(rejected).toMatchObject({ body: { error, more: "more" }, param: "upload_id" });
  expect(rejected).toHaveProperty("headers", expect.any(Headers));
});

test("an ApiError and an InvalidResponseError have the response's status, request ID, headers and body", async () => {
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

describe("a 4xx after an attempt on which the API may have acted says that it's unconfirmed:", () => {
  const soon = { "retry-after-ms": "1" };
  test.for<[string, RequestListener, unconfirmed: boolean]>([
    ["500", json(500, {}, soon), true],
    ["502", json(502, {}, soon), true],
    ["504", json(504, {}, soon), true],
    ["520", json(520, {}, soon), true],
    ["503, which says that it didn't act", json(503, {}, soon), false],
    ["429", json(429, {}, soon), false],
  ])("%s", async ([, respond, isUnconfirmed]) => {
    await using server = await serve(inTurn(respond, json(400, {})));
    const error = String(await rejection(cancelUpload(clientOf(server), "upload_abc123")));
    expect(error).toMatch(isUnconfirmed ? /\(unconfirmed: 1, attempts: 2\)$/ : /400 \{\} \(attempts: 2\)$/);
  });
});

test("a body that can't be read is a ConnectionError that says which response came", async () => {
  await using server = await serve((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip", "x-request-id": "req_1" }).end("not gzip");
  });
  const error = await rejection(cancelUpload(clientOf(server, { maxRetries: 0 }), "upload_abc123"));
  expect(String(error)).toBe(
    "ConnectionError: Cancelling upload_abc123 failed: 200 with a body that can't be read, incorrect header check (request: req_1, attempts: 1)",
  );
});

test("the message of an ApiError says how long the API asks to wait only if that is longer than maxWait", async () => {
  await using server = await serve(json(429, {}, { "retry-after": "2" }));
  const message = async (maxWait: number) => {
    return String(await rejection(cancelUpload(clientOf(server, { maxRetries: 0, maxWait }), "upload_abc123")));
  };
  expect(await message(2_000)).toMatch(/429 \{\} \(attempts: 1\)$/);
  expect(await message(1_999)).toMatch(/429 \{\} \(retry after: 2 s, attempts: 1\)$/);
});

test("an error's `problem` is what happened, without the name of the call and the details", async () => {
  await using server = await serve(json(404, { error: { message: "No such Upload: upload_abc123" } }));
  const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
  expect(error).toMatchObject({ problem: "404 No such Upload: upload_abc123" });
  expect(Object.keys(Object(error))).not.toContain("problem");
});

test("if an earlier attempt got no response, a later error says so", async () => {
  const error = documentedErrors.find(({ name }) => name === "already_cancelled")?.error;
  await using server = await serve(inTurn((request) => request.socket.destroy(), json(400, { error })));
  const rejected = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
  expect(rejected).toMatchObject({ name: "ApiError", status: 400, attempts: 2 });
  expect(String(rejected)).toBe(
    "ApiError: Cancelling upload_abc123 failed: 400 Upload upload_abc123 has already been cancelled. (unconfirmed: 1, attempts: 2)",
  );
});

describe("a ConnectionError gives the best available reason, if fetch throws", () => {
  test.for<[string, unknown, string]>([
    ["a string", "bad", "bad"],
    ["a number", 5, "5"],
    ["an error", new Error("bad"), "bad"],
    ["an error with a cause", new Error("fetch failed", { cause: new Error("refused") }), "refused"],
    ["an error whose cause is a string", new Error("fetch failed", { cause: "refused" }), "refused"],
    ["an error with only a code", Object.assign(new Error(), { code: "ECONNRESET" }), "ECONNRESET"],
    ["an error without a message", new Error(), "connection lost"],
    ["undefined", undefined, "connection lost"],
  ])("%s", async ([, thrown, reason]) => {
    const fetch = () => Promise.reject(thrown);
    const client = createClient({ apiKey: "sk-test", fetch, maxRetries: 0 });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(String(error)).toBe(
      `ConnectionError: Cancelling upload_abc123 failed: no response, ${reason} (attempts: 1)`,
    );
    if (thrown === undefined) expect(error).not.toHaveProperty("cause");
  });
});

const ownCause = new Error("bad");
ownCause.cause = ownCause;
const cyclic = Array.from({ length: 40 }, (): object[] => []);
for (const part of cyclic) part.push(...cyclic);

describe("a custom fetch causes a ConnectionError even if it throws", () => {
  test.for<[string, unknown]>([
    ["an error that is its own cause", ownCause],
    ["many objects that refer to each other", cyclic],
    ["an object whose message isn't a string", { message: Object.create(null) }],
    ["an object without a prototype", Object.create(null)],
    ["null", null],
  ])("%s", async ([, thrown]) => {
    const fetch = () => Promise.reject(thrown);
    const client = createClient({ apiKey: "sk-test", fetch, maxRetries: 0 });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(inspect(error, { depth: null })).toContain("Cancelling upload_abc123 failed: no response, ");
  });
});

describe("the stack of an error names the line that called cancelUpload()", () => {
  test.for<[string, RequestListener, timeout?: number]>([
    ["ApiError", json(404, {})],
    ["InvalidResponseError", json(200, {})],
    ["InvalidResponseError", json(307, {}, { location: "/" })],
    ["ConnectionError", (request) => request.socket.destroy()],
    ["TimeoutError", () => {}, 100],
  ])("%s", async ([name, respond, timeout]) => {
    await using server = await serve(respond);
    const client = clientOf(server, { maxRetries: 0, timeout });
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

test("an engine without Error.captureStackTrace(), such as an older browser, has the same errors", async () => {
  const { captureStackTrace } = Error;
  await using server = await serve(json(404, {}));
  try {
    Reflect.set(Error, "captureStackTrace", undefined);
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123"))).toBeInstanceOf(ApiError);
  } finally {
    Error.captureStackTrace = captureStackTrace;
  }
});

test("the name of an error can be set", async () => {
  await using server = await serve(json(404, {}));
  const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
  if (error instanceof Error) error.name = "Other";
  expect(String(error)).toMatch(/^Other: /);
});
