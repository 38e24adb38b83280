import { setImmediate } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { concurrently, type Items } from "../src/concurrently.js";
import { rejection } from "./support/rejection.js";
import { collect } from "./support/results.js";

const items = Array.from({ length: 100 }, (_, index) => `item_${index}`);

interface Options {
  readonly limit?: number;
  readonly ended?: AbortSignal;
  readonly onLeave?: () => void;
  readonly work?: (item: string) => Promise<string>;
}

/** Works on each item for one turn of the event loop, unless `work` does otherwise. */
function start(source: Items<string>, options: Options = {}) {
  const { limit = 8, ended = new AbortController().signal, onLeave = () => {} } = options;
  const started: string[] = [];
  const work = async (item: string) => {
    started.push(item);
    await setImmediate();
    return options.work ? options.work(item) : item;
  };
  return { started, results: concurrently(source, work, { limit, ended, onLeave }) };
}

/** Enough time for whatever is still going to happen. */
async function manyTurns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
}

/** Longer than any chain of promises in the code, and shorter than any timer. */
async function manyMicrotasks(): Promise<void> {
  for (let task = 0; task < 100; task += 1) await null;
}

/** Yields one item, and never another. */
function waiting(close?: () => Promise<IteratorResult<string>>): AsyncIterable<string> {
  const next = vi.fn(() => new Promise<IteratorResult<string>>(() => {}));
  next.mockResolvedValueOnce({ value: items[0] ?? "" });
  return { [Symbol.asyncIterator]: () => ({ next, ...(close && { return: close }) }) };
}

/** Yields one item. When told to continue, yields the second or throws. */
function pausing() {
  let resume = (_error?: Error) => {};
  const source = (async function* () {
    yield "item_0";
    await new Promise<void>((resolve, reject) => {
      resume = (error) => (error ? reject(error) : resolve());
    });
    yield "item_1";
  })();
  return { source, resume: (error?: Error) => resume(error) };
}

test("each result is yielded as it settles, not in the order of the items", async () => {
  let finishSlow = () => {};
  const slow = new Promise<void>((resolve) => {
    finishSlow = resolve;
  });
  const work = async (item: string) => {
    if (item === "slow") await slow;
    return item;
  };
  const order: string[] = [];
  for await (const item of start(["slow", ...items.slice(0, 5)], { work }).results) {
    if (order.push(item) === 5) finishSlow();
  }
  expect(order).toHaveLength(6);
  expect(order.at(-1)).toBe("slow");
});

test.for([
  ["an array", (all: string[]) => all],
  ["a Set", (all: string[]) => new Set(all)],
  ["a generator", (all: string[]) => all.values()],
  ["an array of promises", (all: string[]) => all.map((item) => Promise.resolve(item))],
  [
    "an async generator",
    async function* (all: string[]) {
      yield* all;
    },
  ],
] as const)("items can come from %s", async ([, source]) => {
  const { results } = await collect(start(source(items)).results);
  expect(results.sort()).toEqual([...items].sort());
});

test.for([1, 3, 20])("with a limit of %d, that many items are worked on at a time", async (limit) => {
  let working = 0;
  let most = 0;
  const work = async (item: string) => {
    working += 1;
    most = Math.max(most, working);
    await manyTurns();
    working -= 1;
    return item;
  };
  await collect(start(items.slice(0, limit * 3), { limit, work }).results);
  expect(most).toBe(limit);
});

test("an item is taken only if there is room for it, and a result that hasn't been read takes up room", async () => {
  const taken: string[] = [];
  const source = (function* () {
    for (const item of items) {
      taken.push(item);
      yield item;
    }
  })();
  const { results, started } = start(source, { limit: 4 });
  expect(taken).toEqual([]);
  await results.next();
  await manyTurns();
  expect(started).toHaveLength(4);
  expect(taken).toHaveLength(4);
  await results.return();
});

test("the first result is yielded before the second item exists", async () => {
  const { source, resume } = pausing();
  const { results } = start(source);
  expect(await results.next()).toEqual({ done: false, value: "item_0" });
  resume();
  expect(await results.next()).toEqual({ done: false, value: "item_1" });
  expect(await results.next()).toEqual({ done: true, value: undefined });
});

describe("an error of the source is thrown after the results of the items that were taken", () => {
  test("if the source throws", async () => {
    const source = (function* () {
      yield* items.slice(0, 3);
      throw new Error("the list breaks off");
    })();
    const { results, thrown } = await collect(start(source).results);
    expect(thrown).toMatchObject({ message: "the list breaks off" });
    expect(results).toHaveLength(3);
  });

  test("if a promise in it rejects", async () => {
    const source = [
      Promise.resolve("item_0"),
      Promise.reject<string>(new Error("no such row")),
      Promise.resolve("item_2"),
    ];
    const { results, thrown } = await collect(start(source).results);
    expect(thrown).toMatchObject({ message: "no such row" });
    expect(results).toEqual(["item_0"]);
  });

  test("if a promise from a generator rejects, and the generator is closed", async () => {
    const closed = vi.fn();
    const source = (function* () {
      try {
        yield Promise.reject<string>(new Error("no such row"));
      } finally {
        closed();
      }
    })();
    const { thrown } = await collect(start(source).results);
    expect(String(thrown)).toBe("Error: no such row");
    expect(closed).toHaveBeenCalledTimes(1);
  });
});

describe("when the consumer leaves the loop", () => {
  const ways: [string, (results: AsyncIterable<string>) => Promise<void>][] = [
    [
      "by break",
      async (results) => {
        for await (const item of results) if (item === "item_2") break;
      },
    ],
    [
      "by an error",
      async (results) => {
        const read = async () => {
          for await (const item of results) if (item === "item_2") throw new Error("enough");
        };
        expect(String(await rejection(read()))).toBe("Error: enough");
      },
    ],
  ];

  function asyncSource(pause: () => Promise<void>) {
    return async function* (taken: string[], closed: () => void) {
      try {
        for (const item of items) {
          await pause();
          taken.push(item);
          yield item;
        }
      } finally {
        closed();
      }
    };
  }

  const sources: [string, (taken: string[], closed: () => void) => Items<string>][] = [
    [
      "a generator",
      function* (taken, closed) {
        try {
          for (const item of items) {
            taken.push(item);
            yield item;
          }
        } finally {
          closed();
        }
      },
    ],
    ["an async generator", asyncSource(async () => {})],
    ["a slow async generator", asyncSource(() => setImmediate())],
  ];

  for (const [way, leave] of ways) {
    test.for(sources)(`${way}, every item taken from %s is worked on, and the source is closed`, async ([, open]) => {
      const taken: string[] = [];
      const closed = vi.fn();
      const { results, started } = start(open(taken, closed), { limit: 2 });
      await leave(results);
      expect(closed).toHaveBeenCalledTimes(1);
      const count = taken.length;
      await manyTurns();
      expect(taken).toHaveLength(count);
      expect(started).toEqual(taken);
    });
  }

  test("onLeave is called before the work in progress has finished", async () => {
    const onLeave = vi.fn();
    const finished = vi.fn();
    const work = async (item: string) => {
      if (item !== "item_0") {
        await manyTurns();
        finished();
        expect(onLeave).toHaveBeenCalledTimes(1);
      }
      return item;
    };
    for await (const _ of start(items, { limit: 3, onLeave, work }).results) break;
    expect(finished).toHaveBeenCalledTimes(2);
    expect(onLeave).toHaveBeenCalledTimes(1);
  });

  test("a source that is waiting is closed immediately, and its closing is awaited", async () => {
    let isClosed = false;
    const source = waiting(async () => {
      await manyMicrotasks();
      isClosed = true;
      return { done: true, value: undefined };
    });
    for await (const _ of start(source).results) break;
    expect(isClosed).toBe(true);
  });

  test("an error while the source closes is thrown", async () => {
    const { results } = start(waiting(() => Promise.reject(new Error("can't close"))));
    const read = async () => {
      for await (const _ of results) break;
    };
    expect(String(await rejection(read()))).toBe("Error: can't close");
  });

  test("an error that the source throws after that is thrown", async () => {
    const { source, resume } = pausing();
    const { results } = start(source);
    await results.next();
    const left = rejection(results.return());
    resume(new Error("the list breaks off"));
    expect(String(await left)).toBe("Error: the list breaks off");
  });

  test("an item that the source yields after that is worked on", async () => {
    const { source, resume } = pausing();
    const { results, started } = start(source);
    await results.next();
    const left = results.return();
    resume();
    await left;
    expect(started).toEqual(["item_0", "item_1"]);
  });
});

describe("when `ended` aborts", () => {
  test("no more items are taken, and its reason is thrown after the results of those in progress", async () => {
    const controller = new AbortController();
    const work = async (item: string) => {
      if (item === "item_5") controller.abort("enough");
      return item;
    };
    const { results: iterable, started } = start(items, { limit: 4, ended: controller.signal, work });
    const { results, thrown } = await collect(iterable);
    expect(thrown).toBe("enough");
    expect(results.sort()).toEqual(started.sort());
    expect(started.length).toBeLessThanOrEqual(9);
  });

  test("a source that is waiting is closed, and its closing is awaited", async () => {
    const controller = new AbortController();
    let isClosed = false;
    const source = waiting(async () => {
      await manyMicrotasks();
      isClosed = true;
      return { done: true, value: undefined };
    });
    const { results } = start(source, { ended: controller.signal });
    await results.next();
    const next = rejection(results.next());
    controller.abort("enough");
    expect(await next).toBe("enough");
    expect(isClosed).toBe(true);
  });

  test("an item that the source hands over as it closes is worked on", async () => {
    const controller = new AbortController();
    let handOver = (_item: Promise<string>) => {};
    const next = vi.fn(
      () =>
        new Promise<IteratorResult<Promise<string>>>((resolve) => {
          handOver = (value) => resolve({ value });
        }),
    );
    next.mockResolvedValueOnce({ value: Promise.resolve("item_0") });
    const close = async () => {
      handOver(manyMicrotasks().then(() => "item_1"));
      return { done: true as const, value: undefined };
    };
    const source = { [Symbol.asyncIterator]: () => ({ next, return: close }) };
    const { results } = start(source, { ended: controller.signal });
    await results.next();
    const last = results.next();
    controller.abort("enough");
    expect(await last).toEqual({ done: false, value: "item_1" });
    expect(await rejection(results.next())).toBe("enough");
  });

  test("its reason is thrown, even if the source fails because of it", async () => {
    const controller = new AbortController();
    const { source, resume } = pausing();
    controller.signal.addEventListener("abort", () => resume(new Error("the source was aborted")));
    const { results } = start(source, { ended: controller.signal });
    await results.next();
    const next = rejection(results.next());
    controller.abort("enough");
    expect(await next).toBe("enough");
  });

  test.for([
    ["never yields", undefined],
    ["never closes either", () => new Promise<never>(() => {})],
  ] as const)("a source that %s doesn't hold up the end", async ([, close]) => {
    const controller = new AbortController();
    const { results } = start(waiting(close), { ended: controller.signal });
    await results.next();
    const next = rejection(results.next());
    controller.abort("enough");
    expect(await next).toBe("enough");
  });
});
