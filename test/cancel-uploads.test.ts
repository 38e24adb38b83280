import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  ApiError,
  type CancelUploadResult,
  type CancelUploadsOptions,
  type Client,
  cancelUploads,
  createClient,
  TimeoutError,
} from "../src/index.js";
import { rejection } from "./support/rejection.js";
import { idOf, json, type Server, serve } from "./support/server.js";
import { fakeWaits } from "./support/waits.js";

/** How long to look for what comes soon, but on a busy machine not at once. */
const PATIENCE = { timeout: 10_000 };

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const result of results) collected.push(result);
  return collected;
}

/** Cancels each Upload, but refuses those with "bad" in their ID. */
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
  let othersEnded = () => {};
  const others = new Promise<void>((resolve) => {
    othersEnded = resolve;
  });
  await using server = await serve(async (request, response) => {
    const id = idOf(request);
    if (id === "upload_slow") await others;
    json(200, { id, status: "cancelled" })(request, response);
  });
  const order: string[] = [];
  for await (const { uploadId } of cancelUploads(clientOf(server), ["upload_slow", ...ids(5)])) {
    if (order.push(uploadId) === 5) othersEnded();
  }
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

test.for([
  [8, {}],
  [8, { concurrency: undefined }],
  [1, { concurrency: 1 }],
  [3, { concurrency: 3 }],
  [20, { concurrency: 20 }],
] as const)("has %d in flight, and no more, with %j", async ([concurrency, options]) => {
  const waiting: (() => void)[] = [];
  let most = 0;
  await using server = await serve((request, response) => {
    waiting.push(() => json(200, { id: idOf(request), status: "cancelled" })(request, response));
    most = Math.max(most, waiting.length);
    // If there were room for one more request, it would arrive before these are answered.
    if (waiting.length >= concurrency) setImmediate(() => waiting.splice(0).forEach((answer) => void answer()));
  });
  for await (const { error } of cancelUploads(clientOf(server), ids(concurrency * 3), options))
    expect(error).toBeUndefined();
  expect(most).toBe(concurrency);
});

test("pulls an id only when a slot is free, and a result that isn't read keeps its slot", async () => {
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
  await vi.waitUntil(() => server.requests.length === 4, PATIENCE);
  await fetch(server.url); // a round trip: what was to be sent after the four would be there now
  expect(drawn).toBe(4);
  await results.return();
});

test("cancels the first id and gives its result before the second is there", async () => {
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

describe("if the loop is left", () => {
  const ways: [string, (leave: AsyncGenerator<CancelUploadResult>) => Promise<unknown>][] = [
    [
      "by break",
      async (results) => {
        for await (const { uploadId } of results) if (uploadId === "upload_2") break;
      },
    ],
    [
      "by an error",
      async (results) => {
        const read = async () => {
          for await (const { uploadId } of results) if (uploadId === "upload_2") throw new Error("enough");
        };
        expect(String(await rejection(read()))).toBe("Error: enough");
      },
    ],
  ];
  function asyncSource(pause: () => Promise<void>) {
    return async function* (drawn: string[], ended: () => void) {
      try {
        for (const id of ids(100)) {
          await pause();
          drawn.push(id);
          yield id;
        }
      } finally {
        ended();
      }
    };
  }

  const sources: [
    string,
    (drawn: string[], ended: () => void) => (Iterable<string> & object) | AsyncIterable<string>,
  ][] = [
    [
      "a generator",
      function* (drawn, ended) {
        try {
          for (const id of ids(100)) {
            drawn.push(id);
            yield id;
          }
        } finally {
          ended();
        }
      },
    ],
    ["an async generator", asyncSource(async () => {})],
    ["a slow async generator", asyncSource(() => new Promise<void>((resolve) => setImmediate(resolve)))],
  ];
  for (const [way, leave] of ways) {
    test.for(sources)(`${way}, every id that was drawn from %s is sent, and the source is closed`, async ([, open]) => {
      await using server = await api();
      const drawn: string[] = [];
      const ended = vi.fn();
      await leave(cancelUploads(clientOf(server), open(drawn, ended), { concurrency: 2 }));
      expect(ended).toHaveBeenCalledTimes(1);
      const count = drawn.length;
      await vi.waitUntil(() => server.requests.length === count, PATIENCE);
      await fetch(server.url); // a round trip: what else was sent would be there now
      expect(drawn).toHaveLength(count);
      expect(server.requests.slice(0, count).map(idOf).sort()).toEqual(drawn.sort());
    });
  }

  /** Yields one id, and then never another. */
  function waiting(close: () => Promise<IteratorResult<string>>): AsyncIterable<string> {
    let asked = 0;
    const next = () => {
      asked += 1;
      return asked === 1 ? Promise.resolve({ value: "upload_1" }) : new Promise<IteratorResult<string>>(() => {});
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: close }) };
  }

  test("a source that is waiting is closed at once, and its closing is awaited", async () => {
    await using server = await api();
    let closed = false;
    const source = waiting(async () => {
      await new Promise(setImmediate);
      closed = true;
      return { done: true, value: undefined };
    });
    for await (const _ of cancelUploads(clientOf(server), source)) break;
    expect(closed).toBe(true);
  });

  test("an error while the source closes is thrown", async () => {
    await using server = await api();
    const source = waiting(() => Promise.reject(new Error("can't close")));
    const read = async () => {
      for await (const _ of cancelUploads(clientOf(server), source)) break;
    };
    expect(String(await rejection(read()))).toBe("Error: can't close");
  });

  /** Gives one id, and the second when it is told to, or throws then. */
  function pausing() {
    let goOn = (_error?: Error) => {};
    const source = (async function* () {
      yield "upload_1";
      await new Promise<void>((resolve, reject) => {
        goOn = (error) => (error ? reject(error) : resolve());
      });
      yield "upload_2";
    })();
    return { source, goOn: (error?: Error) => goOn(error) };
  }

  test("what the source throws instead of an id is thrown", async () => {
    await using server = await api();
    const { source, goOn } = pausing();
    const results = cancelUploads(clientOf(server), source);
    await results.next();
    const left = rejection(results.return());
    goOn(new Error("the list breaks off"));
    expect(String(await left)).toBe("Error: the list breaks off");
  });

  test("an id that the source still gives is sent, but not tried again", async () => {
    const waits = fakeWaits();
    const sent: string[] = [];
    const fetch = async (request: Request) => {
      sent.push(idOf(request));
      if (sent.length === 2) return Response.json({}, { status: 503, headers: { "retry-after": "30" } });
      return Response.json({ id: idOf(request), status: "cancelled" });
    };
    const { source, goOn } = pausing();
    const results = cancelUploads(createClient({ apiKey: "sk-test", timeout: 0, fetch }), source);
    await results.next();
    const left = results.return();
    goOn();
    await left;
    for (let turns = 0; turns < 50; turns += 1) await turn();
    expect(sent).toEqual(["upload_1", "upload_2"]);
    expect(waits()).toBe(0);
  });

  test("nothing is tried again, and no timer is left", async () => {
    const waits = fakeWaits();
    const sent: string[] = [];
    const fetch = async (request: Request) => {
      const id = idOf(request);
      sent.push(id);
      if (id === "upload_1") return Response.json({}, { status: 503, headers: { "retry-after": "30" } });
      while (waits() === 0) await turn(); // until the other waits to be tried again
      return Response.json({ id, status: "cancelled" });
    };
    const client = createClient({ apiKey: "sk-test", timeout: 0, fetch });
    for await (const { uploadId } of cancelUploads(client, ["upload_1", "upload_2"])) {
      expect(uploadId).toBe("upload_2");
      break;
    }
    expect(waits()).toBe(0);
    await turn();
    expect(sent).toEqual(["upload_1", "upload_2"]);
  });
});

describe("leaving the loop", () => {
  test.for<[string, (server: Server) => Client]>([
    [
      "while the key is being fetched",
      ({ url }) => {
        const apiKey = async () => {
          for (let turns = 0; turns < 10; turns += 1) await turn();
          return "sk-test";
        };
        return createClient({ baseUrl: url, apiKey });
      },
    ],
    [
      "while middleware is working",
      (server) => {
        const client = clientOf(server);
        client.use({ onRequest: async () => void (await turn()) });
        return client;
      },
    ],
  ])("%s waits until every ID that was taken was sent, and sends nothing after that", async ([, connect]) => {
    await using server = await api();
    const taken: string[] = [];
    const source = (function* () {
      for (const id of ids(100)) {
        taken.push(id);
        yield id;
      }
    })();
    for await (const _ of cancelUploads(connect(server), source)) break;
    const sent = server.requests.map(idOf);
    expect(sent.sort()).toEqual(taken.sort());
    await fetch(server.url); // a round trip: what was sent late would be there now
    expect(server.requests).toHaveLength(sent.length + 1);
  });

  test("on the first failure sends no second cancel, with concurrency: 1", async () => {
    await using server = await api();
    for await (const { error } of cancelUploads(clientOf(server), ["upload_bad", "upload_1"], { concurrency: 1 })) {
      if (error) break;
    }
    await fetch(server.url);
    expect(server.requests.map(idOf)).toEqual(["upload_bad", ""]);
  });

  test("while the run is closed sends each ID once, without waiting", async () => {
    const waits = fakeWaits();
    const sent: string[] = [];
    const fetch = async (request: Request) => {
      const id = idOf(request);
      sent.push(id);
      if (id !== "upload_0") return Response.json({ id, status: "cancelled" });
      return Response.json({}, { status: 429, headers: { "retry-after": "30" } });
    };
    const taken: string[] = [];
    const source = (function* () {
      for (const id of ids(9)) {
        taken.push(id);
        yield id;
      }
    })();
    const client = createClient({ apiKey: "sk-test", fetch, timeout: 0 });
    const results = cancelUploads(client, source, { concurrency: 3 });
    await results.next();
    await results.next();
    expect(waits()).toBe(1);
    expect(sent).toEqual(["upload_0", "upload_1", "upload_2"]);
    expect(taken.length).toBeGreaterThan(3);
    await results.return();
    expect(sent).toEqual(taken);
    expect(waits()).toBe(0);
  });
});

test("a source that never closes doesn't hold up an abort", async () => {
  await using server = await api();
  const controller = new AbortController();
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ value: "upload_1" }),
      return: () => new Promise<never>(() => {}),
    }),
  };
  const read = async () => {
    for await (const _ of cancelUploads(clientOf(server), source, { signal: controller.signal }))
      controller.abort("enough");
  };
  expect(await rejection(read())).toBe("enough");
});

test("promises of IDs are awaited, and one that rejects is an error of the source", async () => {
  await using server = await api();
  const all = [
    Promise.resolve("upload_1"),
    Promise.reject<string>(new Error("no such row")),
    Promise.resolve("upload_2"),
  ];
  const results: CancelUploadResult[] = [];
  const read = async () => {
    for await (const result of cancelUploads(clientOf(server), all)) results.push(result);
  };
  expect(String(await rejection(read()))).toBe("Error: no such row");
  expect(results).toEqual([{ uploadId: "upload_1", upload: { id: "upload_1", status: "cancelled" } }]);
});

test("an ID that has no text is a failed result like any other", async () => {
  await using server = await api();
  const strange = [Symbol("upload_1"), Object.create(null), 5];
  const source = [...strange, "upload_1"];
  const results = await all<CancelUploadResult>(Reflect.apply(cancelUploads, undefined, [clientOf(server), source]));
  expect(results.filter(({ error }) => error instanceof TypeError)).toHaveLength(3);
  expect(results).toHaveLength(4);
});

describe("a run that can't succeed", () => {
  /** What came of it, until it threw. */
  async function outcome(client: Client, uploadIds: string[], options: CancelUploadsOptions = {}) {
    const results: CancelUploadResult[] = [];
    const collect = async () => {
      for await (const result of cancelUploads(client, uploadIds, options)) results.push(result);
    };
    return { results, error: await collect().catch((error: unknown) => error) };
  }

  test.for<[string, number, unknown, Record<string, string>]>([
    ["the key is refused", 401, {}, {}],
    ["the quota is used up", 429, { error: { message: "no quota", code: "insufficient_quota" } }, {}],
    ["the quota is used up, as the type says", 429, { error: { type: "insufficient_quota" } }, {}],
    ["the API asks for more than a minute", 429, {}, { "retry-after": "61" }],
    ["the API is unavailable for more than a minute", 503, {}, { "retry-after": "61" }],
  ])("stops at once if %s, reports what was sent, and throws why", async ([, status, body, headers]) => {
    await using server = await serve(json(status, body, headers));
    const { results, error } = await outcome(clientOf(server), ids(1_000), { concurrency: 4 });
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status });
    expect(server.requests.length).toBeLessThanOrEqual(4);
    expect(results.map(({ uploadId }) => uploadId).sort()).toEqual(server.requests.map(idOf).sort());
    for (const result of results) expect(result.error).toMatchObject({ status });
  });

  test("404s and 400s never stop it", async () => {
    await using server = await serve((request, response) =>
      json(idOf(request).endsWith("1") ? 400 : 404, {})(request, response),
    );
    const { results, error } = await outcome(clientOf(server), ids(500));
    expect(error).toBeUndefined();
    expect(results).toHaveLength(500);
  });

  test("waits until its source is closed", async () => {
    await using server = await serve(json(401, {}));
    let closed = false;
    const next = async () => ({ value: "upload_1" });
    const close = async () => {
      await turn();
      closed = true;
      return { done: true as const, value: undefined };
    };
    const source = { [Symbol.asyncIterator]: () => ({ next, return: close }) };
    const error = await rejection(all(cancelUploads(clientOf(server), source, { concurrency: 1 })));
    expect(error).toMatchObject({ status: 401 });
    expect(closed).toBe(true);
  });

  test("ids that can't be sent never stop it either", async () => {
    await using server = await api();
    const { results, error } = await outcome(clientOf(server), Array<string>(50).fill(""));
    expect(error).toBeUndefined();
    expect(results).toHaveLength(50);
  });

  test("what waits to be tried again is given up, with the error of its last attempt", async () => {
    const waits = fakeWaits();
    const fetch = async (request: Request) => {
      if (idOf(request) === "upload_0") return Response.json({}, { status: 503, headers: { "retry-after": "30" } });
      while (waits() === 0) await turn(); // until the other waits to be tried again
      return Response.json({}, { status: 401 });
    };
    const client = createClient({ apiKey: "sk-test", timeout: 0, fetch });
    const { results, error } = await outcome(client, ids(100), { concurrency: 2 });
    expect(waits()).toBe(0);
    expect(error).toMatchObject({ status: 401 });
    expect(results.map((result) => [result.uploadId, result.error])).toEqual([
      ["upload_1", expect.objectContaining({ status: 401 })],
      ["upload_0", expect.objectContaining({ status: 503, attempts: 1 })],
    ]);
  });

  test("ends, even if the source waits for an id that never comes", async () => {
    await using server = await serve(json(401, {}));
    const source = (async function* () {
      yield "upload_1";
      await new Promise(() => {});
    })();
    const results = cancelUploads(clientOf(server), source);
    expect(await results.next()).toMatchObject({ value: { uploadId: "upload_1" } });
    expect(await rejection(results.next())).toMatchObject({ status: 401 });
  });
});

test("a wait that is not for a rate limit keeps no other call back", async () => {
  fakeWaits();
  const fetch = async (request: Request) => {
    const id = idOf(request);
    if (id === "upload_0") return Response.json({}, { status: 503, headers: { "retry-after": "30" } });
    return Response.json({ id, status: "cancelled" });
  };
  const client = createClient({ apiKey: "sk-test", fetch });
  const results = await all(cancelUploads(client, ids(10), { concurrency: 1, maxRetries: 0 }));
  expect(results.map(({ error }) => Object(error).status)).toEqual([503, ...Array(9)]);
});

test("an abort loses no id: each that was drawn is sent, or in a result", async () => {
  const controller = new AbortController();
  await using server = await serve((request, response) => {
    if (server.requests.length === 10) controller.abort("enough");
    else json(200, { id: idOf(request), status: "cancelled" })(request, response);
  });
  const drawn: string[] = [];
  const source = (async function* () {
    for (const id of ids(100)) {
      drawn.push(id);
      yield id;
    }
  })();
  const reported: string[] = [];
  const collect = async () => {
    const options = { signal: controller.signal, concurrency: 4 };
    for await (const { uploadId } of cancelUploads(clientOf(server), source, options)) {
      reported.push(uploadId);
    }
  };
  expect(await rejection(collect())).toBe("enough");
  expect(reported.sort()).toEqual(drawn.sort());
});

test("an abort by the loop that reads the results loses no id either", async () => {
  await using server = await api();
  const controller = new AbortController();
  const drawn: string[] = [];
  const source = (async function* () {
    for (const id of ids(100)) {
      drawn.push(id);
      yield id;
    }
  })();
  const reported: string[] = [];
  const collect = async () => {
    const options = { signal: controller.signal, concurrency: 4 };
    for await (const { uploadId } of cancelUploads(clientOf(server), source, options)) {
      reported.push(uploadId);
      controller.abort("enough");
    }
  };
  expect(await rejection(collect())).toBe("enough");
  expect(reported.sort()).toEqual(drawn.sort());
});

test("an error of the source is thrown after the results of what was sent", async () => {
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

test("an abort gives a result with its reason for each Upload in flight, then throws the reason, and starts nothing more", async () => {
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
  expect(results).toEqual(
    ids(4).map((uploadId) => ({ uploadId, error: expect.objectContaining({ cause: "enough" }) })),
  );
  for (const { error } of results) expect(error).toBeInstanceOf(Error);
  expect(server.requests).toHaveLength(4);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("an abort ends it at once, even if the source waits for an id that never comes", async () => {
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

describe("an abort during the wait for a 429 ends it at once, and no timer is left", () => {
  test.for<[string, CancelUploadsOptions, string[]]>([
    ["of calls that are tried again", { concurrency: 2 }, ids(2)],
    ["of ids that are not sent yet", { concurrency: 1, maxRetries: 0 }, ["upload_1"]],
  ])("%s", async ([, options, aborted]) => {
    const waits = fakeWaits();
    const controller = new AbortController();
    const { signal } = controller;
    const fetch = vi.fn(async () => Response.json({}, { status: 429, headers: { "retry-after": "30" } }));
    const client = createClient({ apiKey: "sk-test", timeout: 0, fetch });
    const given: unknown[] = [];
    const collect = async () => {
      for await (const { error } of cancelUploads(client, ids(100), { ...options, signal })) given.push(error);
    };
    const rejected = rejection(collect());
    while (waits() === 0) await turn();
    const expected = fetch.mock.calls.length;
    controller.abort("enough");
    expect(await rejected).toBe("enough");
    expect(given.filter((error) => !(error instanceof ApiError))).toEqual(
      aborted.map((uploadId) => new Error(`Cancelling ${uploadId} was aborted`, { cause: "enough" })),
    );
    expect(fetch).toHaveBeenCalledTimes(expected);
    expect(waits()).toBe(0);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

test("with a signal that has aborted nothing is drawn, and the first result is its reason", async () => {
  const fetch = vi.fn();
  const draw = vi.fn(() => ids(3).values());
  const client = createClient({ apiKey: "sk-test", fetch });
  const results = cancelUploads(client, { [Symbol.iterator]: draw }, { signal: AbortSignal.abort("enough") });
  expect(await rejection(results.next())).toBe("enough");
  expect(draw).not.toHaveBeenCalled();
  expect(fetch).not.toHaveBeenCalled();
});

test("headers, timeout and maxRetries hold for each cancel, over the client's own", async () => {
  await using server = await serve(() => {});
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test", headers: { "x-team": "client" }, timeout: 0 });
  const options = { headers: { "x-team": "run" }, timeout: 100, maxRetries: 0 };
  for await (const { error } of cancelUploads(client, ids(2), options)) {
    expect(error).toMatchObject({ name: "TimeoutError", attempts: 1 });
    expect(error?.message).toContain("no response within 100 ms");
  }
  expect(server.requests.map(({ headers }) => headers["x-team"])).toEqual(["run", "run"]);
});

test("a call whose time is up closes its connection, and none of those that began with it", async () => {
  let isClosed = false;
  await using server = await serve((request, response) => {
    const id = idOf(request);
    if (id !== "upload_stalled") return json(200, { id, status: "cancelled" })(request, response);
    return response.on("close", () => {
      isClosed = true;
    });
  });
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test", timeout: 200, maxRetries: 0 });
  const ids = ["upload_1", "upload_stalled", "upload_2", "upload_3"];
  const results = await all(cancelUploads(client, ids));
  const failed = results.filter(({ error }) => error);
  expect(failed).toEqual([{ uploadId: "upload_stalled", error: expect.any(TimeoutError) }]);
  await vi.waitFor(() => expect(isClosed).toBe(true), PATIENCE);
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

test("a single ID as a string is a TypeError, and its letters are not taken for IDs", async () => {
  await using server = await api();
  // @ts-expect-error: it doesn't compile either
  const next = cancelUploads(clientOf(server), "upload_1").next();
  expect(String(await rejection(next))).toMatch(/^TypeError: uploadIds must be an iterable of IDs/);
  expect(server.requests).toHaveLength(0);
});
