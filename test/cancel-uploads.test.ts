import { getEventListeners } from "node:events";
import { describe, expect, test, vi } from "vitest";
import { type CancelUploadResult, cancelUploads, createClient } from "../src/index.js";
import { rejection } from "./support/rejection.js";
import { json, type Server, serve } from "./support/server.js";

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const result of results) collected.push(result);
  return collected;
}

/** The Upload that a request is about. */
function idOf({ url }: { readonly url?: string | undefined }): string {
  return url?.split("/").at(-2) ?? "";
}

/** Cancels each Upload, but says no to those whose ID has "bad" in it. */
function api(): Promise<Server> {
  return serve((request, response) => {
    const id = idOf(request);
    const refused = id.includes("bad");
    const body = refused ? { error: { message: `No such Upload: ${id}` } } : { id, status: "cancelled" };
    return json(refused ? 404 : 200, body)(request, response);
  });
}

function clientOf(server: Server) {
  return createClient({ baseUrl: server.url, apiKey: "sk-test" });
}

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `upload_${index}`);
}

test("gives one result for each id: the Upload, or the error", async () => {
  await using server = await api();
  const results = new Map<string, CancelUploadResult>();
  for await (const result of cancelUploads(clientOf(server), ["upload_1", "upload_bad", "", "upload_2"])) {
    results.set(result.uploadId, result);
  }
  expect(results).toEqual(
    new Map<string, unknown>([
      ["upload_1", { uploadId: "upload_1", upload: { id: "upload_1", status: "cancelled" } }],
      ["upload_2", { uploadId: "upload_2", upload: { id: "upload_2", status: "cancelled" } }],
      ["upload_bad", { uploadId: "upload_bad", error: expect.objectContaining({ status: 404 }) }],
      ["", { uploadId: "", error: expect.any(TypeError) }],
    ]),
  );
});

test("gives each result as it ends, not in the order of the ids", async () => {
  await using server = await serve((request, response) => {
    const id = idOf(request);
    if (id === "upload_slow") setTimeout(() => json(200, { id, status: "cancelled" })(request, response), 100);
    else json(200, { id, status: "cancelled" })(request, response);
  });
  const order: string[] = [];
  for await (const { uploadId } of cancelUploads(clientOf(server), ["upload_slow", ...ids(5)])) order.push(uploadId);
  expect(order).toHaveLength(6);
  expect(order.at(-1)).toBe("upload_slow");
});

test.for([
  ["an array", (all: string[]) => all],
  ["a Set", (all: string[]) => new Set(all)],
  ["a generator", (all: string[]) => all.values()],
  [
    "an async generator",
    async function* (all: string[]) {
      yield* all;
    },
  ],
] as const)("takes the ids from %s", async ([, iterable]) => {
  await using server = await api();
  const results = await all(cancelUploads(clientOf(server), iterable(ids(20))));
  expect(results.map(({ uploadId }) => uploadId).sort()).toEqual(ids(20).sort());
});

test.for([1, 3, 20])("has %d in flight, and no more", async (concurrency) => {
  const waiting: (() => void)[] = [];
  let most = 0;
  await using server = await serve((request, response) => {
    waiting.push(() => json(200, { id: idOf(request), status: "cancelled" })(request, response));
    most = Math.max(most, waiting.length);
    // One more would come while these wait for it.
    if (waiting.length >= concurrency) setImmediate(() => waiting.splice(0).forEach((answer) => void answer()));
  });
  for await (const { error } of cancelUploads(clientOf(server), ids(60), { concurrency }))
    expect(error).toBeUndefined();
  expect(most).toBe(concurrency);
});

test("draws an id only when there is room for it, and results that nobody takes fill the room", async () => {
  await using server = await api();
  let drawn = 0;
  const source = (function* () {
    for (const id of ids(100)) {
      drawn += 1;
      yield id;
    }
  })();
  const results = cancelUploads(clientOf(server), source, { concurrency: 4 });
  expect(drawn).toBe(0);
  await results.next();
  await vi.waitUntil(() => server.requests.length === 5);
  await fetch(server.url); // a round trip: what was to be sent after the five would be there now
  expect(drawn).toBe(5);
  await results.return();
});

test("starts with the first id while the next is not there yet, and gives its result", async () => {
  await using server = await api();
  let goOn = () => {};
  const source = (async function* () {
    yield "upload_1";
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    yield "upload_2";
  })();
  const results = cancelUploads(clientOf(server), source);
  expect(await results.next()).toMatchObject({ value: { uploadId: "upload_1" } });
  goOn();
  expect(await results.next()).toMatchObject({ value: { uploadId: "upload_2" } });
  expect(await results.next()).toEqual({ done: true, value: undefined });
});

test("to leave the loop starts nothing more, and ends the source of the ids", async () => {
  await using server = await api();
  const ended = vi.fn();
  const source = (function* () {
    try {
      yield* ids(100);
    } finally {
      ended();
    }
  })();
  for await (const _ of cancelUploads(clientOf(server), source, { concurrency: 2 })) break;
  await vi.waitUntil(() => ended.mock.calls.length === 1);
  expect(server.requests.length).toBeLessThanOrEqual(3);
});

test("what the source throws is thrown after the results of what was sent", async () => {
  await using server = await api();
  const source = (function* () {
    yield* ids(3);
    throw new Error("the list breaks off");
  })();
  const results: CancelUploadResult[] = [];
  const collect = async () => {
    for await (const result of cancelUploads(clientOf(server), source)) results.push(result);
  };
  expect(await rejection(collect())).toMatchObject({ message: "the list breaks off" });
  expect(results).toHaveLength(3);
});

test("an abort gives the reason for each that was in flight, then throws it, and starts nothing more", async () => {
  const controller = new AbortController();
  await using server = await serve(() => {
    if (server.requests.length === 4) controller.abort("enough");
  });
  const results: CancelUploadResult[] = [];
  const { signal } = controller;
  const collect = async () => {
    for await (const result of cancelUploads(clientOf(server), ids(100), { signal, concurrency: 4 }))
      results.push(result);
  };
  expect(await rejection(collect())).toBe("enough");
  expect(results).toEqual(ids(4).map((uploadId) => ({ uploadId, error: "enough" })));
  expect(server.requests).toHaveLength(4);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("an abort ends it at once, though the source waits for an id that never comes", async () => {
  await using server = await api();
  const controller = new AbortController();
  const source = (async function* () {
    yield "upload_1";
    await new Promise(() => {});
  })();
  const results = cancelUploads(clientOf(server), source, { signal: controller.signal });
  await results.next();
  const next = results.next();
  controller.abort("enough");
  expect(await rejection(next)).toBe("enough");
});

describe("an option that makes no sense is a TypeError, and nothing is sent", () => {
  test.for<Record<string, unknown>>([
    { concurrency: 0 },
    { concurrency: 1.5 },
    { concurrency: "8" },
    { concurrency: Number.POSITIVE_INFINITY },
    { maxRetries: -1 },
    { timeout: "30s" },
  ])("%o", async (options) => {
    await using server = await api();
    const [name = ""] = Object.keys(options);
    const next = cancelUploads(clientOf(server), ids(3), options).next();
    expect(String(await rejection(next))).toMatch(new RegExp(`^TypeError: ${name} must be a `));
    expect(server.requests).toHaveLength(0);
  });
});

test("where no call is tried again, the others still wait for a 429", async () => {
  const times: number[] = [];
  await using server = await serve((request, response) => {
    times.push(performance.now());
    const status = times.length === 1 ? 429 : 200;
    json(status, { id: idOf(request), status: "cancelled" }, { "retry-after-ms": "200" })(request, response);
  });
  await all(cancelUploads(clientOf(server), ids(3), { concurrency: 1, maxRetries: 0 }));
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(190);
});

test("where the API says 429 with a wait, all wait, instead of each finding out for itself", async () => {
  const started = performance.now();
  let refused = 0;
  const early: number[] = [];
  await using server = await serve((request, response) => {
    const time = performance.now() - started;
    if (server.requests.length <= 4) {
      refused += 1;
      return json(429, {}, { "retry-after-ms": "300" })(request, response);
    }
    if (time < 300) early.push(time);
    return json(200, { id: idOf(request), status: "cancelled" })(request, response);
  });
  const results = await all(cancelUploads(clientOf(server), ids(50), { concurrency: 4 }));
  expect(results.filter(({ error }) => error)).toEqual([]);
  expect(refused).toBe(4);
  expect(early).toEqual([]);
  expect(server.requests).toHaveLength(54);
});

test("one ID as a text is a TypeError, and none of its letters is sent", async () => {
  await using server = await api();
  const next = cancelUploads(createClient({ baseUrl: server.url, apiKey: "sk-test" }), "upload_1").next();
  expect(String(await rejection(next))).toMatch(/^TypeError: uploadIds must be an iterable of IDs/);
  expect(server.requests).toHaveLength(0);
});
