import * as undici from "undici";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Client, type ClientOptions, cancelUpload, createClient } from "../src/index.js";
import { cancelledUpload } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { run } from "./support/run.js";
import { cancelling, json, type Server, serve } from "./support/server.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

function clientOf({ url }: Server, options: object = {}): Client {
  return Reflect.apply(createClient, undefined, [{ baseUrl: url, apiKey: "sk-test", ...options }]);
}

function post(client: Client) {
  return client.POST("/uploads/{upload_id}/cancel", { params: { path: { upload_id: "upload_abc123" } } });
}

test("the fetch and Request of undici work as options", async () => {
  await using server = await serve(cancelling);
  const client = clientOf(server, { Request: undici.Request, fetch: undici.fetch });
  expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
  expect(await post(client)).toMatchObject({ data: cancelledUpload });
  expect(server.requests.map(({ method }) => method)).toEqual(["POST", "POST"]);
});

describe("a client created before fetch and Request were replaced uses the new ones", () => {
  test("both, as undici.install() does", async () => {
    await using server = await serve(cancelling);
    const client = clientOf(server);
    client.use({ onRequest: ({ request }) => new Request(request) });
    const fetch = vi.fn(undici.fetch);
    const { Request: NewRequest, Response, Headers } = undici;
    const replacements = { fetch, Request: NewRequest, Response, Headers };
    for (const [name, value] of Object.entries(replacements)) vi.stubGlobal(name, value);
    expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
    expect(await post(client)).toMatchObject({ data: cancelledUpload });
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "POST"]);
    expect(fetch).toHaveBeenCalledTimes(2);
  });

  test("only fetch, as a stub in a test does", async () => {
    const client = createClient({ apiKey: "sk-test" });
    const stub = vi.fn(async () => Response.json(cancelledUpload));
    vi.stubGlobal("fetch", stub);
    await cancelUpload(client, "upload_abc123");
    await post(client);
    expect(stub).toHaveBeenCalledTimes(2);
  });
});

test("a fetch that a plain call brings sends the key too", async () => {
  const sent: Request[] = [];
  await createClient({ apiKey: "sk-test" }).POST("/uploads/{upload_id}/cancel", {
    params: { path: { upload_id: "upload_abc123" } },
    fetch: async (request) => {
      sent.push(request);
      return Response.json(cancelledUpload);
    },
  });
  expect(sent[0]?.headers.get("authorization")).toBe("Bearer sk-test");
});

test("a platform without newer methods of URL and AbortSignal can create a client and abort a call", async () => {
  await using server = await serve(json(500, {}));
  const script = `
    delete URL.canParse;
    delete AbortSignal.any;
    delete AbortSignal.timeout;
    delete AbortSignal.prototype.throwIfAborted;
    const { cancelUpload, createClient } = await import("./dist/index.js");
    const controller = new AbortController();
    const onRetry = () => controller.abort("enough");
    const client = createClient({ signal: new AbortController().signal, onRetry });
    await cancelUpload(client, "upload_abc123", controller).catch(console.log);
    await cancelUpload(client, "upload_abc123", controller).catch(console.log);`;
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const ended = await run(process.execPath, ["--input-type=module", "--eval", script], { env });
  expect(ended).toEqual({ exitCode: 0, stdout: "enough\nenough\n", stderr: "" });
});

describe("in dist, an error has the name of its class, as loggers show it:", () => {
  const script = `
    const { inspect } = require("node:util");
    const answer = (status) => async () => Response.json({}, { status });
    const cases = [answer(404), answer(200), async () => { throw new Error("lost") }, () => new Promise(() => {})];
    void (async () => {
      for (const fetch of cases) {
        const client = createClient({ apiKey: "sk-test", maxRetries: 0, timeout: 10, fetch });
        const error = await cancelUpload(client, "upload_abc123").catch((error) => error);
        console.log(error.constructor.name, error.name, inspect(error).split(":")[0]);
      }
    })();`;
  const names = ["ApiError", "InvalidResponseError", "ConnectionError", "TimeoutError"];
  const expected = names.map((name) => `${name} ${name} ${name}\n`).join("");

  test.for([
    ["an ES module", 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'],
    ["CommonJS", ""],
  ] as const)("%s", async ([kind, head]) => {
    const load =
      kind === "CommonJS"
        ? 'const { cancelUpload, createClient } = require("./dist/index.cjs");'
        : 'import { cancelUpload, createClient } from "./dist/index.js";';
    const type = kind === "CommonJS" ? "commonjs" : "module";
    const { stdout, stderr } = await run(process.execPath, [`--input-type=${type}`, "--eval", head + load + script]);
    expect([stdout, stderr]).toEqual([expected, ""]);
  });
});

test.for<[string, () => unknown, string]>([
  [
    "whose stream has strings in it",
    () => new Response(new ReadableStream({ start: (stream) => stream.enqueue("cancelled") })),
    "200 with a stream of strings, not of bytes",
  ],
  [
    "whose body is locked",
    () => {
      const response = Response.json(cancelledUpload);
      response.body?.getReader();
      return response;
    },
    "200 with a body that was already read: a fetch or a middleware should read response.clone()",
  ],
  [
    "whose body was read",
    () => {
      const response = Response.json(cancelledUpload, { status: 500 });
      void response.text();
      return response;
    },
    "500 with a body that was already read: a fetch or a middleware should read response.clone()",
  ],
  ["with no text()", () => ({ ok: true, status: 200, headers: new Headers() }), "200 with a body that has no text()"],
  ["with nothing in it", () => undefined, "undefined is not an HTTP status"],
])("a Response %s is an error that says so, and nothing is sent again", async ([, respond, message]) => {
  const fetch = vi.fn(async () => respond());
  const client: Client = Reflect.apply(createClient, undefined, [{ apiKey: "sk-test", fetch }]);
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(error).toMatchObject({ name: "InvalidResponseError", attempts: 1, message: expect.stringContaining(message) });
  expect(fetch).toHaveBeenCalledTimes(1);
});

test("an abort of a short timeout is each call's own, in a run as well", async () => {
  const { cancelUploads } = await import("../src/index.js");
  const fetch: ClientOptions["fetch"] = async (request) =>
    new Promise((_, reject) => request.signal.addEventListener("abort", reject));
  const client = createClient({ apiKey: "sk-test", timeout: 2, maxRetries: 0, fetch });
  const ids = Array.from({ length: 4 }, (_, index) => `upload_${index}`);
  for await (const { uploadId, error } of cancelUploads(client, ids)) {
    expect(error).toMatchObject({
      name: "TimeoutError",
      attempts: 1,
      message: expect.stringContaining(`Cancelling ${uploadId} failed: no response within 2 ms`),
    });
  }
});
