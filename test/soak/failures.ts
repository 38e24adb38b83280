// Cancels many Uploads at a server whose responses fail at random, three in ten, in every way that the tests know. Checks
// that every call settles, that only cancelled Uploads resolve, and that memory use doesn't grow. Then stops the command at
// random moments and checks that it reports everything it did, and that a million lines don't take too much memory.
//   npm run soak -- [uploads] [seed]
import { setTimeout as delay } from "node:timers/promises";
import { type CancelUploadResult, ClientError, cancelUploads, createClient } from "../../src/index.js";
import { endless, lost, stalled } from "../support/faults.js";
import { idOf, json, serve } from "../support/server.js";
import { peakMemory } from "./memory.js";
import { stopRepeatedly } from "./stop.js";

const CONCURRENCY = 50;
const FAILURE_RATE = 0.3;
const STOPS = 5;
/** With the default number of Uploads, a million lines. */
const LINES_PER_UPLOAD = 50;
/** In MB. */
const MAX_MEMORY = 260;

const [uploads = 20_000, seed = Date.now() % 100_000] = process.argv.slice(2).map(Number);
const random = randomNumbers(seed);
console.log(`Seed ${seed}`);

const failures = [
  ...Object.values(lost),
  ...Object.values(stalled),
  endless(200),
  ...[400, 404, 408, 409, 429, 500, 503].map((status) => json(status, { error: { message: "no" } })),
  json(429, {}, { "retry-after-ms": "20" }),
  json(200, { id: "upload_abc123", status: "pending" }),
  json(307, {}, { location: "http://127.0.0.1:1/" }),
];

/** The Uploads that the server cancelled. */
const cancelled = new Set<string>();

const server = await serve((request, response) => {
  if (random() < FAILURE_RATE) return failures[Math.floor(random() * failures.length)]?.(request, response);
  const id = idOf(request);
  cancelled.add(id);
  return json(200, { id, object: "upload", status: "cancelled" })(request, response);
}, 0);

const client = createClient({ baseUrl: server.url, apiKey: "sk-soak", timeout: 500 });
const { signal } = new AbortController();
const outcomes = new Map<string, number>();
const problems: string[] = [];

function outcomeOf({ uploadId, upload, error }: CancelUploadResult): string {
  if (upload) {
    if (!cancelled.has(uploadId)) problems.push(`${uploadId} resolved, but was not cancelled`);
    return "cancelled";
  }
  if (error instanceof ClientError && error.message.includes(uploadId)) return error.name;
  problems.push(`${uploadId} rejected with an error that doesn't name it: ${error}`);
  return "unknown";
}

async function run(prefix: string, count: number): Promise<void> {
  const ids = (function* () {
    for (let index = 0; index < count; index += 1) yield `upload_${prefix}_${index}`;
  })();
  for await (const result of cancelUploads(client, ids, { concurrency: CONCURRENCY, signal })) {
    const outcome = outcomeOf(result);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  cancelled.clear();
}

/** In MB. */
async function heapInUse(): Promise<number> {
  await delay(100);
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

await run("warm-up", Math.min(uploads, 1_000));
outcomes.clear();
const before = await heapInUse();
const start = performance.now();
await run("soak", uploads);
const seconds = (performance.now() - start) / 1_000;
const after = await heapInUse();
await server[Symbol.asyncDispose]();

const settled = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
if (settled !== uploads) problems.push(`${uploads - settled} calls didn't settle`);
if (after - before > 5) problems.push("memory use grew by more than 5 MB");
console.log(`${settled} of ${uploads} calls settled in ${seconds.toFixed(1)} s:`, Object.fromEntries(outcomes));
console.log(`Heap in use: ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after`);
problems.push(...(await stopRepeatedly(STOPS, random)));
const lines = uploads * LINES_PER_UPLOAD;
const peak = await peakMemory(lines);
console.log(`${lines} lines: ${peak.toFixed(0)} MB at most`);
if (!(peak < MAX_MEMORY)) problems.push(`the command took over ${MAX_MEMORY} MB for ${lines} lines`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

await import("./rate-limit.js");

/** Mulberry32: a sequence of numbers from 0 to 1 that depends only on the seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
