// Cancels many Uploads at a server that fails three answers in ten, at random, in every way that the tests know. Checks
// that each call ends, that each that resolved was cancelled, and that the memory is what it was before. Then ends the command
// in the midst of its work.
//   npm run soak -- [uploads] [seed]
import { setTimeout as delay } from "node:timers/promises";
import { type CancelUploadResult, ClientError, cancelUploads, createClient } from "../../src/index.js";
import { endless, lost, stalled } from "../support/misbehaviour.js";
import { json, serve } from "../support/server.js";
import { killAgainAndAgain } from "./kill.js";
import { randomOf } from "./random.js";

const CONCURRENCY = 50;
const FAILURE_RATE = 0.3;

const KILLS = 5;

const [uploads = 20_000, seed = Date.now() % 100_000] = process.argv.slice(2).map(Number);
const random = randomOf(seed);
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

/** Which Uploads the server cancelled, and said so. */
const cancelled = new Set<string>();

const server = await serve((request, response) => {
  if (random() < FAILURE_RATE) return failures[Math.floor(random() * failures.length)]?.(request, response);
  const id = request.url?.split("/").at(-2) ?? "";
  cancelled.add(id);
  return json(200, { id, object: "upload", status: "cancelled" })(request, response);
}, 0);

const client = createClient({ baseUrl: server.url, apiKey: "sk-soak", timeout: 500 });
const { signal } = new AbortController();
const outcomes = new Map<string, number>();
const wrong: string[] = [];

function outcomeOf({ uploadId, upload, error }: CancelUploadResult): string {
  if (upload) {
    if (!cancelled.has(uploadId)) wrong.push(`${uploadId} resolved, but was not cancelled`);
    return "cancelled";
  }
  if (error instanceof ClientError && error.message.includes(uploadId)) return error.name;
  wrong.push(`${uploadId} rejected without saying why: ${error}`);
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

/** In MB, of what is in use. */
async function memory(): Promise<number> {
  await delay(100);
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

await run("warm-up", Math.min(uploads, 1_000));
outcomes.clear();
const before = await memory();
const start = performance.now();
await run("soak", uploads);
const seconds = (performance.now() - start) / 1_000;
const after = await memory();
await server[Symbol.asyncDispose]();

const ended = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
if (ended !== uploads) wrong.push(`${uploads - ended} calls didn't end`);
if (after - before > 5) wrong.push("the memory grew by more than 5 MB");
console.log(`${ended} of ${uploads} calls ended in ${seconds.toFixed(1)} s:`, Object.fromEntries(outcomes));
console.log(`Heap in use: ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after`);
wrong.push(...(await killAgainAndAgain(KILLS, random)));
for (const sentence of wrong) console.error(sentence);
process.exitCode = wrong.length === 0 ? 0 : 1;

await import("./rate-limit.js");
