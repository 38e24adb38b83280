import { describe, expect, test, vi } from "vitest";
import { type CancelUploadResult, cancelUpload, cancelUploads, createClient } from "../src/index.js";
import { rejection } from "./support/rejection.js";
import { cancelling, inTurn, json, serve } from "./support/server.js";

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `upload_${index}`);
}

/** The results until the run ended, and what it threw. */
async function runToEnd(results: AsyncIterable<CancelUploadResult>) {
  const given: CancelUploadResult[] = [];
  let thrown: unknown;
  try {
    for await (const result of results) given.push(result);
  } catch (error) {
    thrown = error;
  }
  return { given, thrown, failed: given.filter(({ error }) => error) };
}

/** Gives one ID, and then waits for ever. */
async function* stuckAfterOne() {
  yield "upload_0";
  await new Promise(() => {});
}

describe("a loop that is left ends, even if its source waits for its next ID", () => {
  test("by break", async () => {
    await using server = await serve(cancelling);
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    for await (const _ of cancelUploads(client, stuckAfterOne())) break;
    expect(server.requests).toHaveLength(1);
  });

  test("by throw", async () => {
    await using server = await serve(cancelling);
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const loop = async () => {
      for await (const _ of cancelUploads(client, stuckAfterOne())) throw new Error("enough");
    };
    expect(await rejection(loop())).toMatchObject({ message: "enough" });
  });
});

describe("a rate limit", () => {
  test("makes no call of a run fail, however often it refuses", async () => {
    let allowed = 2;
    await using server = await serve((request, response) => {
      if (allowed > 0) {
        allowed -= 1;
        return cancelling(request, response);
      }
      if (server.requests.length % 8 === 0) allowed = 2;
      return json(429, {}, { "retry-after-ms": "5" })(request, response);
    });
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const { given, failed, thrown } = await runToEnd(cancelUploads(client, ids(40)));
    expect([given.length, failed, thrown]).toEqual([40, [], undefined]);
  });

  test("without a Retry-After holds all calls back as long as the one that was refused", async () => {
    const waiting: number[] = [];
    let refusedAt = Number.POSITIVE_INFINITY;
    await using server = await serve((request, response) => {
      if (server.requests.length > 1) waiting.push(performance.now() - refusedAt);
      else refusedAt = performance.now();
      return inTurnOnce(request, response);
    });
    const inTurnOnce = inTurn(json(429, {}), cancelling);
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const { failed } = await runToEnd(cancelUploads(client, ids(5), { concurrency: 1 }));
    expect(failed).toEqual([]);
    expect(Math.min(...waiting)).toBeGreaterThan(370);
  });

  test("that never ends stops the run", async () => {
    await using server = await serve(json(429, {}, { "retry-after-ms": "1" }));
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const { thrown } = await runToEnd(cancelUploads(client, ids(1_000)));
    expect(thrown).toMatchObject({ name: "ApiError", status: 429 });
    expect(server.requests.length).toBeLessThan(60);
  });
});

describe("a run goes on", () => {
  test("after a wave of failures in many calls at once", async () => {
    await using server = await serve((request, response) =>
      (server.requests.length <= 50 ? json(500, {}) : cancelling)(request, response),
    );
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test", maxRetries: 0 });
    const { given, failed, thrown } = await runToEnd(cancelUploads(client, ids(200), { concurrency: 50 }));
    expect([given.length, failed.length, thrown]).toEqual([200, 50, undefined]);
  });

  test.for([
    ["404 with a Retry-After", json(404, {}, { "retry-after": "120" })],
    ["400", json(400, {})],
    ["an Upload that is pending", json(200, { id: "upload_0", status: "pending" })],
  ] as const)("however often the answer is %s", async ([, answer]) => {
    await using server = await serve(answer);
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const { failed, thrown } = await runToEnd(cancelUploads(client, ids(100)));
    expect([failed.length, thrown]).toEqual([100, undefined]);
  });
});

describe("a run that can't send anything stops at once, and throws why", () => {
  test.for<[string, Parameters<typeof createClient>[0]]>([
    ["There is no API key: pass apiKey, or set OPENAI_API_KEY", {}],
    ["the vault is closed", { apiKey: () => Promise.reject(new Error("the vault is closed")) }],
    ["apiKey must be visible ASCII characters", { apiKey: () => "a b" }],
  ])("%s", async ([message, options]) => {
    await using server = await serve(cancelling);
    const { given, thrown } = await runToEnd(
      cancelUploads(createClient({ baseUrl: server.url, ...options }), ids(1_000)),
    );
    expect(thrown).toMatchObject({ message: expect.stringContaining(message) });
    expect(given.length).toBeLessThanOrEqual(8);
    expect(server.requests).toHaveLength(0);
  });

  test("a client that is none", async () => {
    const { given, thrown } = await runToEnd(Reflect.apply(cancelUploads, undefined, [{}, ids(10)]));
    expect([given, String(thrown)]).toEqual([[], "TypeError: client must be made by createClient()"]);
  });

  test("headers that HTTP can't carry", async () => {
    await using server = await serve(cancelling);
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const { given, thrown } = await runToEnd(cancelUploads(client, ids(10), { headers: { "a b": "c" } }));
    expect([given, String(thrown)]).toEqual([[], "TypeError: headers must be what HTTP can carry"]);
  });
});

test("the client's own signal stops a run", async () => {
  const controller = new AbortController();
  await using server = await serve((request, response) => {
    if (server.requests.length === 4) controller.abort("enough");
    else cancelling(request, response);
  });
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test", signal: controller.signal });
  const { given, thrown } = await runToEnd(cancelUploads(client, ids(1_000), { concurrency: 1 }));
  expect([given.length, thrown]).toEqual([4, "enough"]);
});

test("a call that still waits for its key when the run stops is not sent", async () => {
  let giveKey = (_key: string) => {};
  const late = new Promise<string>((resolve) => {
    giveKey = resolve;
  });
  const apiKey = vi.fn(() => late).mockImplementationOnce(async () => "sk-first");
  await using server = await serve(json(401, {}));
  const run = runToEnd(cancelUploads(createClient({ baseUrl: server.url, apiKey }), ids(3), { concurrency: 3 }));
  await vi.waitUntil(() => server.requests.length === 1 && apiKey.mock.calls.length === 3);
  await fetch(server.url); // a round trip: the 401 has arrived
  giveKey("sk-late");
  const { given, thrown } = await run;
  expect(thrown).toMatchObject({ status: 401 });
  expect(given).toHaveLength(3);
  expect(server.requests.filter(({ headers }) => headers.authorization === "Bearer sk-late")).toHaveLength(0);
});

test("an ID that can't even become a text is one failed result", async () => {
  await using server = await serve(cancelling);
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
  const strange = [Symbol("upload_1"), Object.create(null), 5];
  const { given, failed } = await runToEnd(Reflect.apply(cancelUploads, undefined, [client, [...strange, "upload_1"]]));
  expect([given.length, failed.length]).toEqual([4, 3]);
  for (const uploadId of strange) {
    expect(await rejection(Reflect.apply(cancelUpload, undefined, [client, uploadId]))).toBeInstanceOf(TypeError);
  }
});

test.for<[string, (response: Response) => Promise<unknown>]>([
  [
    "reads the body without a clone",
    async (response) => {
      await response.text();
      return response;
    },
  ],
  ["answers with json() alone", async (response) => ({ ok: true, status: 200, headers: response.headers })],
])("a fetch that %s is told so, and nothing is sent again", async ([, answer]) => {
  await using server = await serve(cancelling);
  const custom = async (request: Request) => answer(await fetch(request));
  const client = Reflect.apply(createClient, undefined, [{ baseUrl: server.url, apiKey: "sk-test", fetch: custom }]);
  expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({
    name: "InvalidResponseError",
    message: expect.stringContaining("your fetch should read that of a clone()"),
  });
  expect(server.requests).toHaveLength(1);
});
