import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cancelInRun } from "../src/cancel-uploads.js";
import { ApiError, type CancelUploadsOptions, cancelUploads, createClient } from "../src/index.js";
import { Run } from "../src/run.js";
import { collect, ids } from "./support/results.js";
import { idOf } from "./support/server.js";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** How long the simulated API takes to respond, in ms. */
const LATENCY = 20;

/** @returns Undefined for a cancelled Upload. */
type Api = (request: {
  readonly id: string;
  readonly time: number;
  readonly count: number;
}) => Response | undefined | Promise<Response | undefined>;

const connectionRefused: Api = () => {
  throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:443") });
};

function status(code: number, headers: HeadersInit = {}): Response {
  return Response.json({ error: { message: "no" } }, { status: code, headers });
}

function failure(error: object): Response {
  return Response.json({ error }, { status: 429 });
}

/** Cancels so many Uploads, or these, in simulated time. */
async function simulate(
  source: number | AsyncIterable<string>,
  api: Api,
  options: CancelUploadsOptions & { readonly apiKey?: () => Promise<string> | string; readonly latency?: number } = {},
) {
  const start = Date.now();
  const sent: { readonly id: string; readonly time: number }[] = [];
  const { apiKey = "sk-test", latency = LATENCY, ...callOptions } = options;
  const client = createClient({
    apiKey,
    fetch: async (request) => {
      const id = idOf(request);
      const time = Date.now() - start;
      sent.push({ id, time });
      const nth = sent.length;
      await new Promise((resolve) => setTimeout(resolve, latency));
      return (await api({ id, time, count: nth })) ?? Response.json({ id, status: "cancelled" });
    },
  });
  const run = collect(cancelUploads(client, typeof source === "number" ? ids(source) : source, callOptions));
  await vi.runAllTimersAsync();
  const { results, thrown } = await run;
  expect(vi.getTimerCount()).toBe(0);
  const failed = results.filter(({ error }) => error);
  return { results, failed, thrown, sent, duration: Date.now() - start };
}

describe("no ID fails because of", () => {
  test("a rate limit without Retry-After", async () => {
    const { results, failed, thrown, sent } = await simulate(200, ({ time }) =>
      time < 3_000 ? status(429) : undefined,
    );
    expect([results.length, failed, thrown]).toEqual([200, [], undefined]);
    expect(sent.filter(({ time }) => time < 3_000).length).toBeLessThan(20);
  });

  test("a rate limit with Retry-After, with 50 in flight", async () => {
    const api: Api = ({ time }) => (time < 2_500 ? status(429, { "retry-after": "1" }) : undefined);
    const { results, failed, thrown, sent } = await simulate(200, api, { concurrency: 50, maxRetries: 5 });
    expect([results.length, failed, thrown]).toEqual([200, [], undefined]);
    expect(sent.filter(({ time }) => time < 2_500)).toHaveLength(52); // the first 50, and two probes
    expect(sent).toHaveLength(252);
  });

  test("a rate limit that lets a few calls through at a time", async () => {
    let allowed = 2;
    const { results, failed, thrown } = await simulate(200, ({ count }) => {
      if (count % 8 === 0) allowed = 2;
      allowed -= 1;
      return allowed >= 0 ? undefined : status(429, { "retry-after-ms": "5" });
    });
    expect([results.length, failed, thrown]).toEqual([200, [], undefined]);
  });

  test.for([1, 2, 4, 8])(
    "a rate limit of 30 s whose Retry-After is 1 s each time, with %d in flight",
    async (concurrency) => {
      const api: Api = ({ time }) => (time > 30 && time < 30_000 ? status(429, { "retry-after": "1" }) : undefined);
      const { results, failed, thrown } = await simulate(50, api, { concurrency });
      expect([results.length, failed, thrown]).toEqual([50, [], undefined]);
    },
  );

  test.for<[string, Api]>([
    ["500", () => status(500)],
    ["408", () => status(408)],
    ["refused connections", connectionRefused],
  ])("an outage of 8 s: %s", async ([, api]) => {
    for (const from of [0, 60]) {
      const { results, failed, thrown, sent } = await simulate(200, (request) =>
        request.time >= from && request.time < from + 8_000 ? api(request) : undefined,
      );
      expect([results.length, failed, thrown]).toEqual([200, [], undefined]);
      const during = sent.filter(({ time }) => time >= from && time < from + 8_000);
      expect(during.length).toBeLessThan(25);
    }
  });
});

describe("no ID fails because of a rate limit, few requests are sent, and little time is lost, with", () => {
  /** How long to wait, in ms, if the limit is reached. */
  type Limiter = (time: number) => number | undefined;

  /** A token bucket. */
  function bucket(size: number, perSecond: number, wait?: number): Limiter {
    let tokens = size;
    let last = 0;
    return (time) => {
      tokens = Math.min(size, tokens + ((time - last) * perSecond) / 1_000);
      last = time;
      if (tokens < 1) return wait ?? Math.ceil(((1 - tokens) / perSecond) * 1_000);
      tokens -= 1;
      return undefined;
    };
  }

  // An exact wait ends when the next token is there, but only begins when the response arrives.
  test.for<[string, Limiter, count: number, concurrency: number, interval?: number]>([
    ["one per 100 ms, with an exact wait", bucket(1, 10), 60, 8, 100 + LATENCY],
    ["one per 100 ms, with an exact wait, for 50 calls", bucket(1, 10), 60, 50, 100 + LATENCY],
    ["one per 300 ms, with an exact wait", bucket(1, 1_000 / 300), 40, 8, 300],
    ["10 per second, with a wait of 1 s", bucket(1, 10, 1_000), 100, 8],
    ["20 tokens, one per second, with a wait of 1 s", bucket(20, 1, 1_000), 100, 50],
    ["20 per second, with a wait of 50 ms", bucket(1, 20, 50), 100, 100],
    ["5 tokens, 5 per second, with a wait of 20 ms", bucket(5, 5, 20), 100, 100],
    ["one per 100 ms, for two calls", bucket(1, 10), 40, 2, 100 + LATENCY],
    ["one per 100 ms, for one call", bucket(1, 10), 40, 1, 100 + LATENCY],
  ])("%s", async ([, limit, count, concurrency, interval]) => {
    const api: Api = ({ time }) => {
      const wait = limit(time);
      return wait === undefined ? undefined : status(429, { "retry-after-ms": String(wait) });
    };
    const { results, failed, thrown, sent, duration } = await simulate(count, api, { concurrency });
    expect([results.length, failed.length, thrown]).toEqual([count, 0, undefined]);
    // 100 at once are nearly all rejected before the run can pause.
    expect(sent.length / count).toBeLessThanOrEqual(concurrency < 50 ? 2.5 : concurrency === 50 ? 3 : 4.5);
    const firstPause = 100;
    if (interval) expect(duration).toBeLessThanOrEqual(1.1 * count * interval + firstPause);
  });
});

describe("no ID fails, and at most 3 requests per ID are sent, behind a gateway that says 503, such as", () => {
  /** `limit_req` without a burst: a request is rejected if the last accepted one was less than 100 ms ago. */
  function nginx(): Api {
    let last = Number.NEGATIVE_INFINITY;
    return ({ time }) => {
      if (time - last < 100) return status(503);
      last = time;
      return undefined;
    };
  }

  /** `maxconn 2` and `timeout queue 100ms`, in front of a server that takes 50 ms. */
  function haproxy(): Api {
    let connections = 0;
    const queue: (() => void)[] = [];
    return async () => {
      if (connections === 2) {
        const isMyTurn = await new Promise<boolean>((resolve) => {
          const next = () => resolve(true);
          queue.push(next);
          setTimeout(() => {
            if (queue.includes(next)) queue.splice(queue.indexOf(next), 1);
            resolve(false);
          }, 100);
        });
        if (!isMyTurn) return status(503);
      } else connections += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
      const next = queue.shift();
      if (next) next();
      else connections -= 1;
      return undefined;
    };
  }

  test.for<[string, () => Api, concurrency: number]>([
    ["nginx with 8 in flight", nginx, 8],
    ["nginx with 50 in flight", nginx, 50],
    ["haproxy with 8 in flight", haproxy, 8],
    ["haproxy with 50 in flight", haproxy, 50],
  ])("%s", async ([, gateway, concurrency]) => {
    const { results, failed, thrown, sent } = await simulate(100, gateway(), { concurrency, latency: 2 });
    expect([results.length, failed, thrown]).toEqual([100, [], undefined]);
    expect(sent.length).toBeLessThanOrEqual(300);
  });
});

test.for([
  [2, 8],
  [3, 8],
  [30, 100],
  [300, 1_000],
] as const)(
  "no ID fails because of an outage of 5 s with %d IDs and a concurrency of %d",
  async ([count, concurrency]) => {
    const { results, failed, thrown } = await simulate(count, ({ time }) => (time < 5_000 ? status(503) : undefined), {
      concurrency,
    });
    expect([results.length, failed.length, thrown]).toEqual([count, 0, undefined]);
  },
);

describe("while a run is paused", () => {
  test("its delays double from 0.1 s to 8 s, minus up to 25% jitter, but not below 0.1 s", async () => {
    const { sent } = await simulate(10, ({ time }) => (time < 40_000 ? status(429) : undefined), { concurrency: 1 });
    const times = sent.map(({ time }) => time);
    const delays = times.slice(1).map((time, index) => time - (times[index] ?? 0) - LATENCY);
    for (const [index, most] of [100, 200, 400, 800, 1_600, 3_200, 6_400, 8_000, 8_000].entries()) {
      expect(delays[index]).toBeGreaterThanOrEqual(most * 0.75 - 1);
      expect(delays[index]).toBeLessThanOrEqual(most + 1);
    }
  });

  test.for<[HeadersInit, number]>([
    [{ "retry-after-ms": "1" }, 100],
    [{ "retry-after-ms": "250" }, 250],
    [{ "retry-after": "2" }, 2_000],
  ])(
    "and the API asks to wait with %j, the next attempt after a failed one comes after %d ms",
    async ([headers, delay]) => {
      const api: Api = ({ time }) => (time < 10_000 ? status(503, headers) : undefined);
      const { sent } = await simulate(1, api);
      const times = sent.map(({ time }) => time);
      expect((times[2] ?? 0) - (times[1] ?? 0)).toBe(delay + LATENCY);
    },
  );

  test("nothing is sent except one attempt at a time", async () => {
    const { sent } = await simulate(8, ({ time }) => (time < 10_000 ? status(429) : undefined));
    const during = sent.filter(({ time }) => time > 0 && time < 10_000);
    expect(during.length).toBeGreaterThan(5);
    expect(new Set(during.map(({ time }) => time)).size).toBe(during.length);
  });

  test("its calls take turns at random", async () => {
    const { sent } = await simulate(8, ({ time }) => (time < 60_000 ? status(429) : undefined));
    const during = sent.slice(8).filter(({ time }) => time < 60_000);
    expect(new Set(during.map(({ id }) => id)).size).toBeGreaterThan(2);
    expect(during.map(({ id }) => id)).not.toEqual(during.map(({ id }) => id).sort());
  });

  test("onRetry is called for each attempt that will be retried, with the delay", async () => {
    const onRetry = vi.fn();
    const { sent } = await simulate(3, ({ time }) => (time < 100 ? status(429, { "retry-after": "2" }) : undefined), {
      onRetry,
    });
    expect(onRetry.mock.calls.map(([error, delay]) => [error.status, delay])).toEqual(Array(3).fill([429, 2_000]));
    expect(sent).toHaveLength(6);
  });

  test("a rejected call with maxRetries: 0 fails, because it is never sent twice", async () => {
    const { sent, failed, thrown } = await simulate(9, ({ time }) => (time < 50 ? status(429) : undefined), {
      maxRetries: 0,
    });
    expect([failed.length, thrown]).toEqual([8, undefined]);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
  });
});

test("after a pause, each success lets 1.5 times as many attempts be in flight, up to the concurrency", async () => {
  let inFlight = 0;
  const mostInFlight: number[] = [];
  const api: Api = async ({ time }) => {
    if (time < 100) return status(429);
    inFlight += 1;
    mostInFlight.push(inFlight);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    inFlight -= 1;
    return undefined;
  };
  await simulate(60, api);
  const batches = [1, 1.5, 1.5 ** 2, 1.5 ** 4, 8].flatMap((size) => Array.from(ids(Math.floor(size)), (_, n) => n + 1));
  expect(mostInFlight.slice(0, batches.length)).toEqual(batches);
});

describe("all other IDs are cancelled, and the run doesn't end because of", () => {
  test.for(["upload_0", "upload_200", "upload_399"])("one ID among 400 that always gets 429: %s", async (bad) => {
    const { results, failed, thrown, sent } = await simulate(400, ({ id }) => (id === bad ? status(429) : undefined));
    expect([results.length, failed.map(({ uploadId }) => uploadId), thrown]).toEqual([400, [bad], undefined]);
    expect(failed[0]?.error).toMatchObject({ name: "ApiError", status: 429 });
    expect(sent.filter(({ id }) => id === bad).length).toBeLessThan(100);
  });

  test.for<[string, (index: number) => boolean]>([
    ["spread evenly", (index) => index % 300 === 0],
    ["all at the start", (index) => index < 7],
    ["all at the end", (index) => index >= 1_993],
  ])("seven IDs among 2,000 that always get 503, %s", async ([, isBad]) => {
    const bad = ids(2_000).filter((_, index) => isBad(index));
    const { results, failed, thrown } = await simulate(2_000, ({ id }) => {
      return bad.includes(id) ? status(503) : undefined;
    });
    expect([results.length, thrown]).toEqual([2_000, undefined]);
    expect(failed.map(({ uploadId }) => uploadId).sort()).toEqual(bad.sort());
    for (const { error } of failed) expect(error).toMatchObject({ name: "ApiError", status: 503 });
  });
});

test("scattered failures neither pause a run nor slow it down", async () => {
  const { results, thrown, sent, duration } = await simulate(
    200,
    ({ count }) => ([3, 6, 9].includes(count % 10) ? status(500) : undefined),
    { concurrency: 20 },
  );
  expect([results.length, thrown]).toEqual([200, undefined]);
  const firstAttempts = new Map([...sent].reverse().map(({ id, time }) => [id, time]));
  expect(Math.max(...firstAttempts.values())).toBeLessThan(3_000);
  expect(duration).toBeLessThan(5_000); // The last one to fail is retried after 0.5 s and 1 s.
});

test("at a limit of 200 requests per second, 2,000 cancels take little longer than 10 s, with few requests rejected", async () => {
  let window = { start: Number.NEGATIVE_INFINITY, requests: 0 };
  const api: Api = ({ time }) => {
    if (time - window.start >= 1_000) window = { start: time, requests: 0 };
    window.requests += 1;
    return window.requests > 200 ? status(429, { "retry-after": "1" }) : undefined;
  };
  const { results, failed, sent, duration } = await simulate(2_000, api);
  expect([results.length, failed]).toEqual([2_000, []]);
  expect(sent.length).toBeLessThan(2_200);
  expect(duration).toBeLessThan(15_000);
});

test("with concurrency: 1, an outage that begins in mid-run costs one ID at most", async () => {
  const api: Api = ({ time }) => (time > 200 && time < 8_000 ? status(500) : undefined);
  const { results, failed, thrown } = await simulate(50, api, { concurrency: 1 });
  expect([results.length, thrown]).toEqual([50, undefined]);
  expect(failed.length).toBeLessThanOrEqual(1);
});

test("a pause also applies to an ID that comes while no call waits", async () => {
  const api: Api = ({ time }) => (time < 100 ? status(429, { "retry-after": "30" }) : undefined);
  const source = (async function* () {
    yield "upload_0";
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    yield "upload_1";
  })();
  const { sent } = await simulate(source, api, { maxRetries: 0 });
  expect(sent.map(({ time }) => time)).toEqual([0, 30_000 + LATENCY]);
});

test("a 429 that comes after the run has ended leaves no timer behind", async () => {
  const api: Api = async ({ id }) => {
    if (id === "upload_0") return status(401);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return status(429, { "retry-after": "60" });
  };
  const { thrown, duration } = await simulate(2, api); // It counts the timers.
  expect(thrown).toMatchObject({ status: 401 });
  expect(duration).toBe(1_000 + LATENCY);
});

test.for<[string, rejections: number]>([
  ["a pause", 3],
  ["an attempt", 2],
])("a run that was suspended during %s for longer than maxWait looks before it gives up", async ([, rejections]) => {
  const now = performance.now.bind(performance);
  let suspended = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now() + suspended);
  const onRetry = vi.fn(() => {
    if (onRetry.mock.calls.length === 2) suspended = 300_000; // The run has just paused.
  });
  const api: Api = ({ count }) => {
    if (rejections === 2 && count === 2) suspended = 300_000;
    return count <= rejections ? status(429) : undefined;
  };
  const { failed, thrown } = await simulate(20, api, { concurrency: 1, ...(rejections === 3 && { onRetry }) });
  expect([failed, thrown]).toEqual([[], undefined]);
});

test("a request that hangs doesn't keep a run from resuming", async () => {
  const api: Api = async ({ id, time }) => {
    if (id === "upload_0") await new Promise((resolve) => setTimeout(resolve, 25_000));
    return id === "upload_1" && time < 10 ? status(429, { "retry-after-ms": "200" }) : undefined;
  };
  const finished: number[] = [];
  const { results, failed } = await simulate(200, async (request) => {
    const response = await api(request);
    finished.push(Date.now());
    return response;
  });
  expect([results.length, failed]).toEqual([200, []]);
  expect((finished.at(-2) ?? 0) - (finished[0] ?? 0)).toBeLessThan(2_000);
});

test("what succeeds during a pause doesn't end it", async () => {
  const api: Api = async ({ id, time }) => {
    if (id === "upload_0" && time === 0) return status(429, { "retry-after": "30" });
    if (time < 1_000) await new Promise((resolve) => setTimeout(resolve, 1_000));
    return undefined;
  };
  const { sent } = await simulate(9, api);
  expect(sent.filter(({ time }) => time > 0 && time < 30_000)).toEqual([]);
});

test("a run that can be watched tells what it is doing", async () => {
  let respond = (_response: Response) => {};
  const fetch = vi.fn(
    () =>
      new Promise<Response>((resolve) => {
        respond = resolve;
      }),
  );
  const run = new Run();
  const start = performance.now();
  const client = createClient({ apiKey: "sk-test", fetch, maxWait: 60_000 });
  const collected = collect(cancelInRun(run, client, ["upload_0"], {}));
  await vi.advanceTimersByTimeAsync(2_000);
  expect(run.state).toEqual({ inFlight: 1, waitingSince: start, paused: undefined });
  respond(status(429, { "retry-after": "5" }));
  await vi.advanceTimersByTimeAsync(1_000);
  const since = start + 2_000;
  const paused = {
    since,
    resumesAt: since + 5_000,
    endsAt: since + 60_000,
    error: expect.objectContaining({ status: 429 }),
  };
  expect(run.state).toMatchObject({ inFlight: 0, waitingSince: since, paused });
  await vi.advanceTimersByTimeAsync(4_000);
  expect(run.state).toMatchObject({ inFlight: 1, waitingSince: since + 5_000, paused });
  respond(Response.json({ id: "upload_0", status: "cancelled" }));
  await collected;
  expect(run.state).toMatchObject({ inFlight: 0, paused: undefined });
});

describe("a run ends", () => {
  test.for<[string, Api]>([
    ["429", () => status(429)],
    ["500", () => status(500)],
    ["403", () => status(403)],
    ["no response", connectionRefused],
    ["a login page", () => new Response("<html>")],
  ])("once no request has succeeded for maxWait: %s", async ([, api]) => {
    const { results, thrown, sent, duration } = await simulate(1_000, api, { maxWait: 20_000 });
    expect(thrown).toBeInstanceOf(Error);
    expect(duration).toBeGreaterThan(19_000);
    expect(duration).toBeLessThan(22_000);
    expect(sent.length).toBeLessThan(40);
    const reported = results.filter(({ error }) => !error?.message.includes("was not sent"));
    expect(new Set(reported.map(({ uploadId }) => uploadId))).toEqual(new Set(sent.map(({ id }) => id)));
  });

  test.for<[string, Api]>([
    ["the key is rejected", () => status(401)],
    ["the quota is exhausted, by its code", () => failure({ code: "insufficient_quota" })],
    ["the quota is exhausted, by its type", () => failure({ type: "insufficient_quota" })],
    ["the API asks to wait longer than maxWait, by a 429", () => status(429, { "retry-after": "121" })],
    ["the API asks to wait longer than maxWait, by a 503", () => status(503, { "retry-after": "121" })],
  ])("immediately if %s", async ([, api]) => {
    const { results, thrown, sent, duration } = await simulate(100, api);
    expect(thrown).toBeInstanceOf(ApiError);
    expect([results.length, sent.length, duration]).toEqual([8, 8, LATENCY]);
  });

  test("and each ID that was taken but not sent has a result that says so", async () => {
    const api: Api = ({ id, time }) => (id === "upload_0" ? status(time < 100 ? 429 : 401) : undefined);
    const { results, thrown } = await simulate(9, api, { concurrency: 2 });
    expect(thrown).toMatchObject({ status: 401 });
    const unsent = results.find(({ error }) => error?.message.includes("was not sent"));
    expect(unsent?.error?.message).toBe(`${unsent?.uploadId} was not sent: the run stopped first`);
    expect(unsent?.error?.cause).toBe(thrown);
  });

  test("immediately without a key", async () => {
    const fetch = vi.fn();
    const results = cancelUploads(createClient({ fetch }), ids(1_000), { concurrency: 1 });
    expect((await results.next()).value).toMatchObject({ uploadId: "upload_0", error: expect.any(TypeError) });
    await expect(results.next()).rejects.toThrow("There is no API key: pass apiKey, or set OPENAI_API_KEY");
    expect(fetch).not.toHaveBeenCalled();
  });

  test("if apiKey() throws a symbol", async () => {
    const client = createClient({ apiKey: () => Promise.reject(Symbol("no")) });
    const results = cancelUploads(client, ids(2), { concurrency: 1 });
    expect((await results.next()).value?.error?.message).toBe("apiKey() failed: Symbol(no)");
    await expect(results.next()).rejects.toThrow("apiKey() failed");
  });

  test.for<[string, () => Promise<string> | string]>([
    ["the vault is closed", () => Promise.reject(new Error("the vault is closed"))],
    ["apiKey must be visible ASCII characters", () => "a b"],
    ["apiKey() failed: undefined", () => Promise.reject()],
  ])("immediately without a usable key: %s", async ([message, apiKey]) => {
    const { results, thrown, sent } = await simulate(1_000, () => undefined, { apiKey });
    expect(thrown).toMatchObject({ message: expect.stringContaining(message) });
    expect(results.length).toBeLessThanOrEqual(8);
    expect(sent).toEqual([]);
  });
});

test.for([
  ["a 404 with Retry-After", () => status(404, { "retry-after": "120" })],
  ["a 400", () => status(400)],
  ["a 409", () => status(409, { "x-should-retry": "false" })],
  ["an Upload that is pending", () => Response.json({ id: "upload_0", status: "pending" })],
] as const)("%s never pauses a run", async ([, api]) => {
  const { failed, thrown, duration } = await simulate(100, api);
  expect([failed.length, thrown]).toEqual([100, undefined]);
  expect(duration).toBe((100 / 8 + 0.5) * LATENCY);
});

test("an error that middleware throws is in the result of its ID, and doesn't end the run", async () => {
  const fetch = async (request: Request) => Response.json({ id: idOf(request), status: "cancelled" });
  const client = createClient({ apiKey: "sk-test", fetch });
  client.use({
    onRequest: ({ request }) => {
      return request.url.includes("upload_1/") ? Promise.reject("no disk space") : undefined;
    },
  });
  const { results, thrown } = await collect(cancelUploads(client, ids(3)));
  const failed = results.filter(({ error }) => error);
  expect([results.length, thrown]).toEqual([3, undefined]);
  expect(failed.map(({ uploadId, error }) => [uploadId, error?.message, error?.cause])).toEqual([
    ["upload_1", "Cancelling upload_1 failed: no disk space", "no disk space"],
  ]);
});
