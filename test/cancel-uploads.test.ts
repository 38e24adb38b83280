import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import {
  ApiError,
  type CancelUploadResult,
  type CancelUploadsOptions,
  type Client,
  type ClientOptions,
  cancelUploads,
  createClient,
  TimeoutError,
} from "../src/index.js";
import { clientOf } from "./support/client.js";
import { cancelledUpload } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { collect, ids } from "./support/results.js";
import { api, cancelling, idOf, json, type Server, serve } from "./support/server.js";
import { fakeTimers, until } from "./support/timers.js";

/** A source, and the IDs that have been taken from it. */
function sourceOf(uploadIds: readonly string[]) {
  const taken: string[] = [];
  const source = (function* () {
    for (const uploadId of uploadIds) {
      taken.push(uploadId);
      yield uploadId;
    }
  })();
  return { source, taken };
}

/** Yields one ID, and never another. */
async function* waiting(): AsyncGenerator<string> {
  yield "upload_1";
  await new Promise(() => {});
}

function wait30s(status: number): Response {
  return Response.json({}, { status, headers: { "retry-after": "30" } });
}

function cancelled(request: Request): Response {
  return Response.json({ id: idOf(request), status: "cancelled" });
}

test("yields one result per ID: the Upload or the error", async () => {
  await using server = await api();
  const results = new Map<string, CancelUploadResult>();
  for await (const result of cancelUploads(clientOf(server), ["upload_1", "upload_bad", "", "upload_2"])) {
    results.set(result.uploadId, result);
  }
  const uploadOf = (id: string) => Object.assign({}, cancelledUpload, { id });
  expect(results).toEqual(
    new Map<string, unknown>([
      ["upload_1", { uploadId: "upload_1", upload: uploadOf("upload_1") }],
      ["upload_2", { uploadId: "upload_2", upload: uploadOf("upload_2") }],
      ["upload_bad", { uploadId: "upload_bad", error: expect.objectContaining({ status: 404 }) }],
      ["", { uploadId: "", error: expect.any(TypeError) }],
    ]),
  );
});

test("an ID that can't be converted to a string has a result like any other", async () => {
  await using server = await api();
  const source = [Symbol("upload_1"), Object.create(null), 5, "upload_1"];
  const iterable: AsyncIterable<CancelUploadResult> = Reflect.apply(cancelUploads, undefined, [
    clientOf(server),
    source,
  ]);
  const { results, thrown } = await collect(iterable);
  expect(results.filter(({ error }) => error instanceof TypeError)).toHaveLength(3);
  expect(results).toHaveLength(4);
  expect(thrown).toBeUndefined();
});

test.for([
  [8, {}],
  [8, { concurrency: undefined }],
  [1, { concurrency: 1 }],
  [3, { concurrency: 3 }],
  [20, { concurrency: 20 }],
] as const)("keeps %d requests in flight with %j", async ([concurrency, options]) => {
  const waiting: (() => void)[] = [];
  let most = 0;
  await using server = await serve((request, response) => {
    waiting.push(() => cancelling(request, response));
    most = Math.max(most, waiting.length);
    // If there were room for one more request, it would arrive before these responses are sent.
    if (waiting.length >= concurrency) setImmediate(() => waiting.splice(0).forEach((respond) => void respond()));
  });
  for await (const { error } of cancelUploads(clientOf(server), ids(concurrency * 3), options))
    expect(error).toBeUndefined();
  expect(most).toBe(concurrency);
});

describe("leaving the loop", () => {
  test.for<[string, (server: Server) => Client]>([
    [
      "during apiKey()",
      (server) => {
        const apiKey = async () => {
          for (let turns = 0; turns < 10; turns += 1) await turn();
          return "sk-test";
        };
        return clientOf(server, { apiKey });
      },
    ],
    [
      "during middleware",
      (server) => {
        const client = clientOf(server);
        client.use({ onRequest: async () => void (await turn()) });
        return client;
      },
    ],
  ])("%s waits until the attempts under way have ended, and sends nothing after that", async ([, connect]) => {
    await using server = await api();
    const { source, taken } = sourceOf(ids(100));
    for await (const _ of cancelUploads(connect(server), source)) break;
    const sent = server.requests.map(idOf);
    expect(taken).toEqual(expect.arrayContaining(sent));
    await fetch(server.url); // A late request would arrive before this one.
    expect(server.requests).toHaveLength(sent.length + 1);
  });

  test("on the first failure sends no second cancel, with concurrency: 1", async () => {
    await using server = await api();
    for await (const { error } of cancelUploads(clientOf(server), ["upload_bad", "upload_1"], { concurrency: 1 })) {
      if (error) break;
    }
    await fetch(server.url); // A late request would arrive before this one.
    expect(server.requests.map(idOf)).toEqual(["upload_bad", ""]);
  });

  test("while a call waits to retry ends its wait, without a retry", async () => {
    const pending = fakeTimers();
    const sent: string[] = [];
    const fetch = async (request: Request) => {
      sent.push(idOf(request));
      if (idOf(request) === "upload_1") return wait30s(503);
      await until(() => pending() > 0);
      return cancelled(request);
    };
    const client = createClient({ apiKey: "sk-test", timeout: 0, fetch });
    for await (const { uploadId } of cancelUploads(client, ["upload_1", "upload_2"])) {
      expect(uploadId).toBe("upload_2");
      break;
    }
    expect(pending()).toBe(0);
    await turn();
    expect(sent).toEqual(["upload_1", "upload_2"]);
  });

  test.for(["while it is being left", "after it was left"])(
    "sends no ID that the source hands over %s",
    async (when) => {
      await using server = await api();
      let resume = () => {};
      const source = (async function* () {
        yield "upload_1";
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
        yield "upload_2";
      })();
      const results = cancelUploads(clientOf(server), source);
      await results.next();
      const left = results.return();
      if (when === "after it was left") await left;
      resume();
      await left;
      for (let turns = 0; turns < 50; turns += 1) await turn();
      await fetch(server.url); // A late request would arrive before this one.
      expect(server.requests.map(idOf)).toEqual(["upload_1", ""]);
    },
  );

  test("finishes attempts in flight, and sends no ID that waits while the run is paused", async () => {
    const pending = fakeTimers();
    const sent: string[] = [];
    let finish = () => {};
    const finished = vi.fn();
    const fetch = async (request: Request) => {
      sent.push(idOf(request));
      if (idOf(request) === "upload_0") return wait30s(429);
      if (idOf(request) === "upload_2") {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        finished();
      }
      return cancelled(request);
    };
    const client = createClient({ apiKey: "sk-test", fetch, timeout: 0 });
    const results = cancelUploads(client, ids(9), { concurrency: 3 });
    await results.next();
    await until(() => pending() === 1 && sent.length === 3);
    const left = results.return();
    for (let turns = 0; turns < 10; turns += 1) await turn();
    finish();
    await left;
    expect(finished).toHaveBeenCalledTimes(1);
    expect(sent).toEqual(["upload_0", "upload_1", "upload_2"]);
    expect(pending()).toBe(0);
  });
});

describe("a run that can't succeed", () => {
  test("ends immediately: it reports what was sent, and throws why", async () => {
    await using server = await serve(json(401, {}));
    const { results, thrown } = await collect(cancelUploads(clientOf(server), ids(1_000), { concurrency: 4 }));
    expect(thrown).toBeInstanceOf(ApiError);
    expect(server.requests.length).toBeLessThanOrEqual(4);
    expect(results.map(({ uploadId }) => uploadId).sort()).toEqual(server.requests.map(idOf).sort());
    for (const result of results) expect(result.error).toMatchObject({ status: 401 });
  });

  test("ends even if the source waits for an ID that never comes", async () => {
    await using server = await serve(json(401, {}));
    const results = cancelUploads(clientOf(server), waiting());
    expect(await results.next()).toMatchObject({ value: { uploadId: "upload_1" } });
    expect(await rejection(results.next())).toMatchObject({ status: 401 });
  });

  test("ends the wait of a call before its retry, with the error of its last attempt", async () => {
    const pending = fakeTimers();
    const fetch = async (request: Request) => {
      if (idOf(request) === "upload_0") return wait30s(503);
      await until(() => pending() > 0);
      return Response.json({}, { status: 401 });
    };
    const client = createClient({ apiKey: "sk-test", timeout: 0, fetch });
    const { results, thrown } = await collect(cancelUploads(client, ids(100), { concurrency: 2 }));
    expect(pending()).toBe(0);
    expect(thrown).toMatchObject({ status: 401 });
    expect(results.map((result) => [result.uploadId, result.error])).toEqual([
      ["upload_1", expect.objectContaining({ status: 401 })],
      ["upload_0", expect.objectContaining({ status: 503, attempts: 1 })],
    ]);
  });
});

test("an ID that its source hands over while the run is ending isn't sent, and has a result that says so", async () => {
  await using server = await serve(json(401, {}));
  let handOver = (_result: IteratorResult<string>) => {};
  const next = vi.fn(
    () =>
      new Promise<IteratorResult<string>>((resolve) => {
        handOver = resolve;
      }),
  );
  next.mockResolvedValueOnce({ value: "upload_1" });
  const close = async () => {
    handOver({ value: "upload_2" });
    return { done: true as const, value: undefined };
  };
  const source = { [Symbol.asyncIterator]: () => ({ next, return: close }) };
  const { results, thrown } = await collect(cancelUploads(clientOf(server), source));
  expect(thrown).toMatchObject({ status: 401 });
  expect(server.requests.map(idOf)).toEqual(["upload_1"]);
  expect(results.map(({ uploadId }) => uploadId)).toEqual(["upload_1", "upload_2"]);
  expect(results[1]?.error?.message).toBe("upload_2 was not sent: the run stopped first");
});

test.for([0, 2, 50])(
  "if a run ends while an ID comes every %d turns of the event loop, every ID that was sent has a result",
  async (turns) => {
    await using server = await serve(json(401, {}));
    const source = (async function* () {
      for (const id of ids(100)) {
        for (let count = 0; count < turns; count += 1) await turn();
        yield id;
      }
    })();
    const { results, thrown } = await collect(cancelUploads(clientOf(server), source, { concurrency: 3 }));
    expect(thrown).toMatchObject({ status: 401 });
    expect(results.map(({ uploadId }) => uploadId)).toEqual(expect.arrayContaining(server.requests.map(idOf)));
  },
);

test("IDs that can't be sent never end a run", async () => {
  await using server = await api();
  const { results, thrown } = await collect(cancelUploads(clientOf(server), Array<string>(50).fill("")));
  expect(thrown).toBeUndefined();
  expect(results).toHaveLength(50);
});

describe("an abort", () => {
  test("yields an error with its reason for each Upload in flight, then throws the reason, and sends nothing more", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await using server = await serve(() => {
      if (server.requests.length === 4) controller.abort("enough");
    });
    const { results, thrown } = await collect(cancelUploads(clientOf(server), ids(100), { signal, concurrency: 4 }));
    expect(thrown).toBe("enough");
    expect(results).toEqual(
      ids(4).map((uploadId) => ({ uploadId, error: expect.objectContaining({ cause: "enough" }) })),
    );
    for (const { error } of results) expect(error).toBeInstanceOf(Error);
    expect(server.requests).toHaveLength(4);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("loses no ID: each that was taken has a result", async () => {
    const controller = new AbortController();
    await using server = await serve((request, response) => {
      if (server.requests.length === 10) controller.abort("enough");
      else cancelling(request, response);
    });
    const taken: string[] = [];
    const source = (async function* () {
      for (const id of ids(100)) {
        taken.push(id);
        yield id;
      }
    })();
    const options = { signal: controller.signal, concurrency: 4 };
    const { results, thrown } = await collect(cancelUploads(clientOf(server), source, options));
    expect(thrown).toBe("enough");
    expect(results.map(({ uploadId }) => uploadId).sort()).toEqual(taken.sort());
  });

  test("loses no ID if it comes from the loop that reads the results", async () => {
    await using server = await api();
    const controller = new AbortController();
    const taken: string[] = [];
    const source = (async function* () {
      for (const id of ids(100)) {
        taken.push(id);
        yield id;
      }
    })();
    const reported: string[] = [];
    const read = async () => {
      const options = { signal: controller.signal, concurrency: 4 };
      for await (const { uploadId } of cancelUploads(clientOf(server), source, options)) {
        reported.push(uploadId);
        controller.abort("enough");
      }
    };
    expect(await rejection(read())).toBe("enough");
    expect(reported.sort()).toEqual(taken.sort());
  });

  test("ends a run whose source waits for an ID that never comes", async () => {
    await using server = await api();
    const controller = new AbortController();
    const results = cancelUploads(clientOf(server), waiting(), { signal: controller.signal });
    await results.next();
    const next = results.next();
    controller.abort("enough");
    expect(await rejection(next)).toBe("enough");
  });

  test.for<[string, CancelUploadsOptions, string[]]>([
    ["calls that will be retried", { concurrency: 2 }, ids(2)],
    ["IDs that haven't been sent", { concurrency: 1, maxRetries: 0 }, ["upload_1"]],
  ])("ends the wait after a 429 immediately, for %s, and leaves no timer behind", async ([, options, aborted]) => {
    const pending = fakeTimers();
    const controller = new AbortController();
    const { signal } = controller;
    const fetch = vi.fn(async () => wait30s(429));
    const client = createClient({ apiKey: "sk-test", timeout: 0, fetch });
    const collected = collect(cancelUploads(client, ids(100), { ...options, signal }));
    await until(() => pending() > 0);
    const sent = fetch.mock.calls.length;
    controller.abort("enough");
    const { results, thrown } = await collected;
    expect(thrown).toBe("enough");
    expect(results.map(({ error }) => error).filter((error) => !(error instanceof ApiError))).toEqual(
      aborted.map((uploadId) => new Error(`Cancelling ${uploadId} was aborted`, { cause: "enough" })),
    );
    expect(fetch).toHaveBeenCalledTimes(sent);
    expect(pending()).toBe(0);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("before the run rejects with its reason, and takes no ID", async () => {
    const fetch = vi.fn();
    const open = vi.fn(() => ids(3).values());
    const client = createClient({ apiKey: "sk-test", fetch });
    const results = cancelUploads(client, { [Symbol.iterator]: open }, { signal: AbortSignal.abort("enough") });
    expect(await rejection(results.next())).toBe("enough");
    expect(open).not.toHaveBeenCalled();
    expect(fetch).not.toHaveBeenCalled();
  });
});

test("headers, timeout and maxRetries apply to each cancel, and override the client's", async () => {
  fakeTimers();
  await using server = await serve(() => {});
  const client = clientOf(server, { headers: { "x-team": "client" }, timeout: 0 });
  const options = { headers: { "x-team": "run" }, timeout: 100, maxRetries: 0 };
  const collected = collect(cancelUploads(client, ids(2), options));
  await until(() => server.requests.length === 2);
  await vi.advanceTimersByTimeAsync(100);
  const { results } = await collected;
  expect(results).toHaveLength(2);
  for (const { error } of results) {
    expect(error).toMatchObject({ name: "TimeoutError", attempts: 1 });
    expect(error?.message).toContain("no response within 100 ms");
  }
  expect(server.requests.map(({ headers }) => headers["x-team"])).toEqual(["run", "run"]);
});

test("a timeout closes the connection of its own call, and of no other", async () => {
  fakeTimers();
  let isClosed = false;
  await using server = await serve((request, response) => {
    if (idOf(request) !== "upload_stalled") return cancelling(request, response);
    return response.on("close", () => {
      isClosed = true;
    });
  });
  const client = clientOf(server, { timeout: 200, maxRetries: 0 });
  const results: CancelUploadResult[] = [];
  const read = async () => {
    for await (const result of cancelUploads(client, ["upload_1", "upload_stalled", "upload_2", "upload_3"]))
      results.push(result);
  };
  const finished = read();
  await until(() => results.length === 3 && server.requests.length === 4);
  await vi.advanceTimersByTimeAsync(200);
  await finished;
  const failed = results.filter(({ error }) => error);
  expect(failed).toEqual([{ uploadId: "upload_stalled", error: expect.any(TimeoutError) }]);
  await until(() => isClosed);
});

test("each call that times out has an error of its own", async () => {
  const fetch: ClientOptions["fetch"] = async (request) =>
    new Promise((_, reject) => request.signal.addEventListener("abort", reject));
  const client = createClient({ apiKey: "sk-test", timeout: 2, maxRetries: 0, fetch });
  const { results } = await collect(cancelUploads(client, ids(4)));
  expect(results).toHaveLength(4);
  for (const { uploadId, error } of results) {
    expect(error).toMatchObject({
      name: "TimeoutError",
      attempts: 1,
      message: expect.stringContaining(`Cancelling ${uploadId} failed: no response within 2 ms`),
    });
  }
});

describe("an invalid option is a TypeError, and nothing is sent", () => {
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

test.for([[null], [{}], [{ length: 1, 0: "upload_1" }], [5]])(
  "%j in place of IDs is a TypeError",
  async ([uploadIds]) => {
    const results: AsyncGenerator = Reflect.apply(cancelUploads, undefined, [createClient(), uploadIds]);
    expect(String(await rejection(results.next()))).toMatch(/^TypeError: uploadIds must be an iterable of IDs/);
  },
);

test("a single ID as a string is a TypeError, and its letters are not taken for IDs", async () => {
  await using server = await api();
  // @ts-expect-error: it doesn't compile either
  const next = cancelUploads(clientOf(server), "upload_1").next();
  expect(String(await rejection(next))).toMatch(/^TypeError: uploadIds must be an iterable of IDs/);
  expect(server.requests).toHaveLength(0);
});
