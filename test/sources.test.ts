import { setTimeout as delay } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { type CancelUploadResult, cancelUploads, createClient, type UploadIds } from "../src/index.js";
import { idOf, json, serve } from "./support/server.js";

/** The results of a run at an API that rejects the key, the IDs that were sent, and what the run threw. */
async function rejectedRun(uploadIds: UploadIds, concurrency = 8) {
  await using server = await serve(json(401, {}));
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
  const results: CancelUploadResult[] = [];
  let thrown: unknown;
  try {
    for await (const result of cancelUploads(client, uploadIds, { concurrency })) results.push(result);
  } catch (error) {
    thrown = error;
  }
  return { results, thrown, sent: server.requests.map(idOf) };
}

test("an ID that its source hands over while the run is ending isn't sent, and gets a result that says so", async () => {
  let handOver = (_result: IteratorResult<string>) => {};
  const next = vi
    .fn(() => new Promise<IteratorResult<string>>((resolve) => (handOver = resolve)))
    .mockImplementationOnce(async () => ({ value: "upload_1" }));
  const close = async () => {
    handOver({ value: "upload_2" });
    return { done: true as const, value: undefined };
  };
  const source = { [Symbol.asyncIterator]: () => ({ next, return: close }) };
  const { results, thrown, sent } = await rejectedRun(source);
  expect(thrown).toMatchObject({ status: 401 });
  expect(sent).toEqual(["upload_1"]);
  expect(results.map(({ uploadId }) => uploadId)).toEqual(["upload_1", "upload_2"]);
  expect(results[1]?.error?.message).toBe("upload_2 was not sent: the run stopped first");
});

test("every ID that a slow generator yields is in a result or was never taken, however the run ends", async () => {
  for (let round = 0; round < 20; round += 1) {
    const { results, thrown, sent } = await rejectedRun(
      (async function* () {
        for (let index = 0; index < 10; index += 1) {
          await delay(round % 4);
          yield `upload_${index}`;
        }
      })(),
      3,
    );
    expect(thrown).toMatchObject({ status: 401 });
    expect(results.map(({ uploadId }) => uploadId)).toEqual(expect.arrayContaining(sent));
  }
});

test("a generator that yields a promise that rejects is closed", async () => {
  const closed = vi.fn();
  const source = (function* () {
    try {
      yield Promise.reject<string>(new Error("no such row"));
    } finally {
      closed();
    }
  })();
  const { thrown } = await rejectedRun(source);
  expect(String(thrown)).toBe("Error: no such row");
  expect(closed).toHaveBeenCalledTimes(1);
});
