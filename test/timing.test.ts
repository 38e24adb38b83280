import { EventEmitter, getEventListeners, once } from "node:events";
import type { RequestListener } from "node:http";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { cancelUpload, createClient } from "../src/index.js";
import { clientOf, post } from "./support/client.js";
import { cancelledUpload } from "./support/contract.js";
import { stalled } from "./support/faults.js";
import { rejection } from "./support/rejection.js";
import { run } from "./support/run.js";
import { cancelling, inTurn, json, type Server, serve } from "./support/server.js";
import { fakeTimers, until } from "./support/timers.js";

afterEach(() => {
  vi.restoreAllMocks();
});

interface StallingServer extends Server {
  /** Resolves when the client is waiting for the rest of the first response. */
  readonly stalled: Promise<void>;
}

/** A server whose first response stalls. */
async function serveStalled(stall: RequestListener): Promise<StallingServer> {
  const fetched = vi.spyOn(globalThis, "fetch");
  const events = new EventEmitter();
  const stalled = once(events, "stalled").then(() => {});
  const first: RequestListener = async (request, response) => {
    stall(request, response);
    if (response.headersSent) await fetched.mock.results[0]?.value;
    events.emit("stalled");
  };
  return Object.assign(await serve(inTurn(first, cancelling)), { stalled });
}

describe("a response that takes longer than the timeout", () => {
  test.for(Object.entries(stalled))("is a TimeoutError: %s", async ([, stall]) => {
    fakeTimers();
    await using server = await serveStalled(stall);
    const client = clientOf(server, { maxRetries: 0 });
    const rejected = rejection(cancelUpload(client, "upload_abc123", { timeout: 100 }));
    await server.stalled;
    await vi.advanceTimersByTimeAsync(100);
    const error = await rejected;
    expect(String(error)).toBe(
      "TimeoutError: Cancelling upload_abc123 failed: no response within 100 ms (attempts: 1)",
    );
    expect(error).not.toHaveProperty("cause");
  });

  test.for(Object.entries(stalled))("is retried: %s", async ([, stall]) => {
    fakeTimers();
    await using server = await serveStalled(stall);
    const call = cancelUpload(clientOf(server, { timeout: 1_000 }), "upload_abc123");
    await server.stalled;
    await vi.advanceTimersByTimeAsync(1_000); // the timeout
    await vi.advanceTimersByTimeAsync(500); // the delay
    expect(await call).toEqual(cancelledUpload);
    expect(server.requests).toHaveLength(2);
  });
});

test("by default the timeout is 30 s, and there are two retries", async () => {
  const pending = fakeTimers();
  const fetch = vi.fn(() => new Promise<Response>(() => {}));
  const ended = vi.fn();
  void rejection(cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123")).then(ended);
  await vi.advanceTimersByTimeAsync(29_999);
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(pending()).toBe(1);
  await vi.advanceTimersByTimeAsync(1 + 500);
  expect(fetch).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(30_000 + 1_000 + 29_000);
  expect(ended).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(ended.mock.calls).toEqual([[expect.objectContaining({ name: "TimeoutError", attempts: 3 })]]);
  expect(String(ended.mock.calls[0]?.[0])).toContain("no response within 30000 ms");
  expect(pending()).toBe(0);
});

test("timeout: 0 means no limit", async () => {
  const pending = fakeTimers();
  let respond = (_response: Response) => {};
  const fetch = () =>
    new Promise<Response>((resolve) => {
      respond = resolve;
    });
  const call = cancelUpload(createClient({ apiKey: "sk-test", timeout: 0, fetch }), "upload_abc123");
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(pending()).toBe(0);
  respond(Response.json(cancelledUpload));
  expect(await call).toEqual(cancelledUpload);
});

test("a response that arrives after the timeout doesn't count", async () => {
  fakeTimers();
  const attempts = new EventEmitter();
  const late = Response.json(cancelledUpload);
  const fetch = vi.fn(async () => {
    attempts.emit("second");
    while (!late.bodyUsed) await setImmediate();
    return Response.json({}, { status: 400 });
  });
  fetch.mockImplementationOnce(() => once(attempts, "second").then(() => late));
  const rejected = rejection(cancelUpload(createClient({ apiKey: "sk-test", timeout: 500, fetch }), "upload_abc123"));
  await vi.advanceTimersByTimeAsync(500); // the timeout
  await vi.advanceTimersByTimeAsync(500); // the delay
  expect(String(await rejected)).toMatch(/400 \{\} \(unconfirmed: 1, attempts: 2\)$/);
});

test("a timeout before the key is there says so", async () => {
  const pending = fakeTimers();
  const client = createClient({ apiKey: () => new Promise(() => {}), maxRetries: 0 });
  const rejected = rejection(cancelUpload(client, "upload_abc123"));
  await until(() => pending() > 0);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(String(await rejected)).toBe(
    "TimeoutError: Cancelling upload_abc123 failed: apiKey() or middleware didn't finish within 30000 ms (attempts: 0)",
  );
});

test.for(["identity", "gzip"])(
  "a response that arrived while the process was suspended, until after the timeout, counts: %s",
  async (encoding) => {
    // Responds from another thread, because this one stands still.
    const hasResponded = new Int32Array(new SharedArrayBuffer(4));
    const body = JSON.stringify(cancelledUpload).padEnd(100_000);
    const program = `
      const { createServer } = require("node:http");
      const { gzipSync } = require("node:zlib");
      const { parentPort, workerData: { body, encoding, hasResponded } } = require("node:worker_threads");
      const server = createServer((request, response) => {
        parentPort.postMessage("request");
        response.writeHead(200, { "content-encoding": encoding });
        response.end(encoding === "gzip" ? gzipSync(body) : body, () => {
          Atomics.store(hasResponded, 0, 1);
          Atomics.notify(hasResponded, 0);
        });
      });
      server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`;
    const worker = new Worker(program, { eval: true, workerData: { body, encoding, hasResponded } });
    onTestFinished(async () => void (await worker.terminate()));
    const [port] = await once(worker, "message");
    const call = cancelUpload(
      clientOf({ url: `http://127.0.0.1:${port}/v1` }, { timeout: 300, maxRetries: 0 }),
      "upload_abc123",
    );
    await once(worker, "message");
    Atomics.wait(hasResponded, 0, 0);
    Atomics.wait(hasResponded, 0, 1, 1_300); // The timer is due long before anything is read.
    expect(await call).toEqual(cancelledUpload);
  },
);

test("if the time is up before the key is there, the attempt was not sent and doesn't count", async () => {
  fakeTimers();
  const keys = [new Promise<string>(() => {}), "sk-test"];
  const fetch = async () => Response.json({}, { status: 404 });
  const client = createClient({ apiKey: () => keys.shift() ?? "", fetch });
  const rejected = rejection(cancelUpload(client, "upload_abc123"));
  await vi.runAllTimersAsync();
  expect(String(await rejected)).toMatch(/404 \{\} \(attempts: 1\)$/);
});

describe("a call that fails leaves no listener and no timer behind", () => {
  const { signal } = new AbortController();
  test.for<[string, RequestListener, timeout: number]>([
    ["ApiError", json(404, {}), 29_999],
    ["InvalidResponseError", json(200, {}), 29_999],
    ["ConnectionError", (request) => request.socket.destroy(), 29_999],
    ["TimeoutError", () => {}, 99],
  ])("%s", async ([name, respond, timeout]) => {
    const setTimer = vi.spyOn(globalThis, "setTimeout");
    const clearTimer = vi.spyOn(globalThis, "clearTimeout");
    await using server = await serve(respond);
    const client = clientOf(server, { maxRetries: 0, timeout });
    expect(await rejection(cancelUpload(client, "upload_abc123", { signal }))).toMatchObject({ name });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    const ours = setTimer.mock.results[setTimer.mock.calls.findIndex(([, ms]) => ms === timeout)]?.value;
    expect(ours).toBeDefined();
    expect(clearTimer.mock.calls).toContainEqual([ours]);
  });
});

test("300 calls on one signal leave no listener on it, and cause no warning", async () => {
  const warned = vi.spyOn(process, "emitWarning");
  const client = createClient({ apiKey: "sk-test", fetch: async () => Response.json(cancelledUpload) });
  const { signal } = new AbortController();
  for (let batch = 0; batch < 3; batch += 1) {
    await Promise.all(Array.from({ length: 100 }, () => cancelUpload(client, "upload_abc123", { signal })));
  }
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  expect(warned).not.toHaveBeenCalled();
});

test("nothing keeps a process alive after its last call", { timeout: 120_000 }, async () => {
  await using server = await serve(cancelling);
  // A timer that is left would keep the process for 24 days.
  const script = `
    import { cancelUpload, createClient } from "./dist/index.js";
    await cancelUpload(createClient({ timeout: 2 ** 31 - 1 }), "upload_abc123");`;
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const signal = AbortSignal.timeout(100_000);
  expect(await run(process.execPath, ["--input-type=module", "--eval", script], { env, signal })).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "",
  });
});

describe("an abort rejects immediately with the signal's reason, and nothing more is sent", () => {
  test("before the first request", async () => {
    await using server = await serve(cancelling);
    const signal = AbortSignal.abort("enough");
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123", { signal }))).toBe("enough");
    expect(server.requests).toHaveLength(0);
  });

  test.for<[string, () => Promise<string>]>([
    ["which never resolves", () => new Promise<string>(() => {})],
    ["which still resolves", async () => "sk-test"],
  ])("during apiKey(), %s", async ([, key]) => {
    await using server = await serve(cancelling);
    const controller = new AbortController();
    const apiKey = () => {
      controller.abort("enough");
      return key();
    };
    const options = { signal: controller.signal };
    expect(await rejection(cancelUpload(clientOf(server, { apiKey }), "upload_abc123", options))).toBe("enough");
    await setImmediate();
    expect(server.requests).toHaveLength(0);
  });

  test("during middleware", async () => {
    await using server = await serve(cancelling);
    const controller = new AbortController();
    const client = clientOf(server);
    client.use({
      onRequest: () => {
        controller.abort("enough");
        return new Promise(() => {});
      },
    });
    expect(await rejection(cancelUpload(client, "upload_abc123", { signal: controller.signal }))).toBe("enough");
    expect(server.requests).toHaveLength(0);
  });

  test.for(Object.entries(stalled))("in flight: %s", async ([, stall]) => {
    const controller = new AbortController();
    const { signal } = controller;
    await using server = await serveStalled(stall);
    const rejected = rejection(cancelUpload(clientOf(server), "upload_abc123", { signal }));
    await server.stalled;
    controller.abort("enough");
    expect(await rejected).toBe("enough");
    expect(server.requests).toHaveLength(1);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("while waiting to retry", async () => {
    const pending = fakeTimers();
    const controller = new AbortController();
    const fetch = vi.fn(async () => new Response("{}", { status: 500, headers: { "retry-after": "30" } }));
    const client = createClient({ apiKey: "sk-test", timeout: 0, fetch });
    const rejected = rejection(cancelUpload(client, "upload_abc123", { signal: controller.signal }));
    await until(() => pending() > 0);
    controller.abort("enough");
    expect(await rejected).toBe("enough");
    expect(pending()).toBe(0);
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  test("with the client's own signal, and with that of a plain POST", async () => {
    const controller = new AbortController();
    await using server = await serve(() => controller.abort("enough"));
    const { signal } = controller;
    expect(await rejection(cancelUpload(clientOf(server, { signal }), "upload_abc123"))).toBe("enough");
    expect(await rejection(post(clientOf(server), { signal }))).toBe("enough");
  });

  test.for<[string, (abort: () => void) => unknown]>([
    ["in flight", (abort) => abort()],
    ["before the first request", () => undefined],
  ])(
    "with an AbortError if the signal has no reason, as with the abort-controller package: %s",
    async ([, respond]) => {
      const events = new EventTarget();
      const signal = Object.assign(events, { aborted: false, reason: undefined });
      const abort = () => {
        signal.aborted = true;
        events.dispatchEvent(new Event("abort"));
      };
      await using server = await serve(() => respond(abort));
      if (respond.length === 0) abort();
      const call: Promise<unknown> = Reflect.apply(cancelUpload, undefined, [clientOf(server), "upload_1", { signal }]);
      expect(await rejection(call)).toMatchObject({ name: "AbortError" });
    },
  );

  test("while it waits for onRetry", async () => {
    await using server = await serve(json(500, {}));
    const controller = new AbortController();
    const onRetry = () => {
      controller.abort("enough");
      return new Promise<void>(() => {});
    };
    const options = { signal: controller.signal, onRetry };
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123", options))).toBe("enough");
    expect(server.requests).toHaveLength(1);
  });

  test.for([null, 0, "", false])("even if the reason is %j", async (reason) => {
    const controller = new AbortController();
    await using server = await serve(() => controller.abort(reason));
    const { signal } = controller;
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123", { signal }))).toBe(reason);
  });

  test.for([null, 0, "", false])("even if the reason of the client's signal is %j", async (reason) => {
    const controller = new AbortController();
    await using server = await serve(() => controller.abort(reason));
    const client = clientOf(server, { signal: controller.signal });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toBe(reason);
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toBe(reason);
  });

  test("even if the reason is the error of another call", async () => {
    await using server = await serve((request) => request.socket.destroy());
    const reason = await rejection(cancelUpload(clientOf(server, { maxRetries: 0 }), "upload_abc123"));
    const signal = AbortSignal.abort(reason);
    expect(await rejection(cancelUpload(clientOf(server), "upload_abc123", { signal }))).toBe(reason);
    expect(server.requests).toHaveLength(1);
  });
});
