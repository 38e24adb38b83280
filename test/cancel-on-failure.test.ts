import { describe, expect, test, vi } from "vitest";
import {
  CancelFailedError,
  type CancelUploadOptions,
  type Client,
  type ClientOptions,
  cancelOnFailure,
  createClient,
} from "../src/index.js";
import { clientOf } from "./support/client.js";
import { rejection } from "./support/rejection.js";
import { cancelling, idOf, json, serve } from "./support/server.js";

test("resolves to what the work resolves to, and cancels nothing", async () => {
  await using server = await serve(cancelling);
  expect(await cancelOnFailure(clientOf(server), "upload_abc123", async () => "completed")).toBe("completed");
  expect(await cancelOnFailure(clientOf(server), "upload_abc123", () => "completed")).toBe("completed");
  expect(server.requests).toEqual([]);
});

const failure = new Error("part 7 failed");

test.for<[string, () => unknown, unknown]>([
  ["rejects", () => Promise.reject(failure), failure],
  [
    "throws",
    () => {
      throw failure;
    },
    failure,
  ],
  ["rejects without a reason", () => Promise.reject(), undefined],
])("if the work %s, cancels the Upload and rejects with the same error", async ([, work, reason]) => {
  await using server = await serve(cancelling);
  expect(await rejection(cancelOnFailure(clientOf(server), "upload_abc123", work))).toBe(reason);
  expect(server.requests.map(idOf)).toEqual(["upload_abc123"]);
});

test("if the cancel fails too, rejects with both errors, the work's first, and says why the cancel failed", async () => {
  await using server = await serve(json(400, { error: { message: "Upload has already been completed." } }));
  const error = await rejection(cancelOnFailure(clientOf(server), "upload_abc123", () => Promise.reject(failure)));
  expect(error).toBeInstanceOf(AggregateError);
  expect(error).toBeInstanceOf(CancelFailedError);
  expect(error).toMatchObject({
    name: "CancelFailedError",
    uploadId: "upload_abc123",
    errors: [failure, expect.objectContaining({ name: "ApiError", status: 400 })],
    message: "Sending upload_abc123 failed, and so did cancelling it: 400 Upload has already been completed.",
  });
});

test("the client's signal, which may have stopped the work, doesn't stop the cancel", async () => {
  await using server = await serve(cancelling);
  const controller = new AbortController();
  const stopped = cancelOnFailure(clientOf(server, { signal: controller.signal }), "upload_abc123", async () => {
    controller.abort(failure);
    controller.signal.throwIfAborted();
  });
  expect(await rejection(stopped)).toBe(failure);
  expect(server.requests).toHaveLength(1);
});

test("the signal in its options stops the cancel, but not the work", async () => {
  await using server = await serve(cancelling);
  const options = { signal: AbortSignal.abort("enough") };
  const work = vi.fn(() => Promise.reject(failure));
  const error = await rejection(cancelOnFailure(clientOf(server), "upload_abc123", work, options));
  expect(error).toMatchObject({
    errors: [failure, "enough"],
    message: "Sending upload_abc123 failed, and so did cancelling it: enough",
  });
  expect(work).toHaveBeenCalledTimes(1);
  expect(server.requests).toEqual([]);
});

test("its options apply to the cancel, which middleware sees", async () => {
  await using server = await serve(cancelling);
  const client = clientOf(server);
  const seen = vi.fn();
  client.use({ onRequest: ({ request }) => seen(request.headers.get("x-team")) });
  const options: CancelUploadOptions = { headers: { "x-team": "search" } };
  await rejection(cancelOnFailure(client, "upload_abc123", () => Promise.reject(failure), options));
  expect(seen.mock.calls).toEqual([["search"]]);
});

test("a caller can tell whether the upload was cancelled, even if the work rejects with an AggregateError", async () => {
  await using server = await serve(cancelling);
  const several = new AggregateError([failure], "several parts failed");
  const error = await rejection(cancelOnFailure(clientOf(server), "upload_abc123", () => Promise.reject(several)));
  expect(error).toBe(several);
  expect(error).not.toBeInstanceOf(CancelFailedError);
});

describe("the cancel uses the client's own", () => {
  /** Why the cancel failed. */
  async function cancelFailure(options: ClientOptions): Promise<unknown> {
    const client = createClient({ apiKey: "sk-test", ...options });
    const error = await rejection(cancelOnFailure(client, "upload_abc123", () => Promise.reject(failure)));
    return error instanceof CancelFailedError ? error.errors[1] : expect.unreachable(String(error));
  }
  const later = async () => Response.json({}, { status: 429, headers: { "retry-after-ms": "2" } });

  test("fetch and maxRetries", async () => {
    const fetch = vi.fn(later);
    expect(await cancelFailure({ fetch, maxRetries: 4 })).toMatchObject({ status: 429, attempts: 5 });
    expect(fetch).toHaveBeenCalledTimes(5);
  });

  test("maxWait", async () => {
    expect(await cancelFailure({ fetch: later, maxWait: 1 })).toMatchObject({ retryAfter: 2, attempts: 1 });
  });

  test("timeout", async () => {
    const error = await cancelFailure({ fetch: () => new Promise(() => {}), timeout: 5, maxRetries: 0 });
    expect(error).toMatchObject({ name: "TimeoutError", problem: "no response within 5 ms" });
  });
});

describe("without a key, the work doesn't start", () => {
  test("unless there is a function for it, no key is wanted, or a header carries a credential", async () => {
    const fetch = async (request: Request) => Response.json({ id: idOf(request), status: "cancelled" });
    const work = vi.fn(() => Promise.reject(failure));
    const run = (client: Client, options?: CancelUploadOptions) =>
      rejection(cancelOnFailure(client, "upload_abc123", work, options));
    expect(String(await run(createClient({ fetch })))).toBe(
      "TypeError: There is no API key: pass apiKey, or set OPENAI_API_KEY",
    );
    expect(work).not.toHaveBeenCalled();
    const apiKey = vi.fn(() => "sk-test");
    expect(await run(createClient({ fetch, apiKey }))).toBe(failure);
    expect(apiKey).toHaveBeenCalledTimes(1);
    expect(await run(createClient({ fetch, apiKey: null }))).toBe(failure);
    expect(await run(createClient({ fetch, headers: { "x-api-key": "key" } }))).toBe(failure);
    expect(await run(createClient({ fetch }), { headers: { "api-key": "key" } })).toBe(failure);
    expect(work).toHaveBeenCalledTimes(4);
  });
});

describe("an invalid argument is a TypeError before the work starts", () => {
  test.for<[string, (work: () => void) => unknown[]]>([
    ["uploadId must be", (work) => [createClient(), "", work]],
    ["uploadId must be", (work) => [createClient(), undefined, work]],
    ["client must be", (work) => [{}, "upload_abc123", work]],
    ["work must be a function", () => [createClient(), "upload_abc123", Promise.resolve()]],
    ["timeout must be", (work) => [createClient(), "upload_abc123", work, { timeout: -1 }]],
    ["options must be an object", (work) => [createClient(), "upload_abc123", work, null]],
  ])("%s", async ([message, args]) => {
    const work = vi.fn();
    const error = await rejection(Reflect.apply(cancelOnFailure, undefined, args(work)));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(message);
    expect(work).not.toHaveBeenCalled();
  });
});
