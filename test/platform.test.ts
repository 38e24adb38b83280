import * as undici from "undici";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Client, cancelUpload, createClient } from "../src/index.js";
import { clientOf, post } from "./support/client.js";
import { cancelledUpload } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { run } from "./support/run.js";
import { cancelling, json, serve } from "./support/server.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

test("the fetch and Request of undici work as options", async () => {
  await using server = await serve(cancelling);
  const options = { Request: undici.Request, fetch: undici.fetch };
  const client: Client = Reflect.apply(clientOf, undefined, [server, options]);
  expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
  expect(await post(client)).toMatchObject({ data: cancelledUpload });
  expect(server.requests.map(({ method }) => method)).toEqual(["POST", "POST"]);
});

test("a dispatcher in requestInitExt is used by cancelUpload() and client.POST(), with the platform's fetch and a custom one", async () => {
  const dispatch = vi.fn(() => {
    throw new Error("dispatched");
  });
  for (const fetch of [undefined, (request: Request, init?: RequestInit) => globalThis.fetch(request, init)]) {
    const client = createClient({
      apiKey: "sk-test",
      maxRetries: 0,
      requestInitExt: { dispatcher: { dispatch } },
      ...(fetch && { fetch }),
    });
    await rejection(cancelUpload(client, "upload_abc123"));
    await rejection(post(client));
  }
  expect(dispatch).toHaveBeenCalledTimes(4);
});

describe("a client follows a later replacement of", () => {
  test("fetch and Request, as by undici.install()", async () => {
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

  test("Headers: those of the client are still sent", async () => {
    await using server = await serve(cancelling);
    const client = clientOf(server, { organization: "org-1", headers: { "x-team": "search" } });
    vi.stubGlobal("Headers", class extends Headers {});
    await cancelUpload(client, "upload_abc123");
    expect(server.requests[0]?.headers).toMatchObject({ "openai-organization": "org-1", "x-team": "search" });
  });

  test("only fetch, as by a stub in a test", async () => {
    const client = createClient({ apiKey: "sk-test" });
    const stub = vi.fn(async () => Response.json(cancelledUpload));
    vi.stubGlobal("fetch", stub);
    await cancelUpload(client, "upload_abc123");
    await post(client);
    expect(stub).toHaveBeenCalledTimes(2);
  });
});

test("the library can be imported on a platform without fetch or TextDecoder, such as Jest with jsdom", async () => {
  const script = `
    for (const name of ["TextDecoder", "Headers", "Request", "Response", "fetch", "AbortController"]) delete globalThis[name];
    const { cancelUpload } = await import("./dist/index.js");
    console.log(typeof cancelUpload);`;
  expect(await run(process.execPath, ["--input-type=module", "--eval", script])).toEqual({
    exitCode: 0,
    stdout: "function\n",
    stderr: "",
  });
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
