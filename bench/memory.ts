// Cancels 100,000 Uploads in one process, at a server in another: the memory in use stays as it was after the first
// thousand.
//   npm run bench:memory -- [uploads]
import { setTimeout as delay } from "node:timers/promises";
import { cancelUploads, createClient } from "../src/index.js";
import { startLoopback } from "./loopback.js";

const FIRST = 1_000;
const EACH = 10_000;
const MAX_GROWTH = 2; // in MB

const [uploads = 100_000] = process.argv.slice(2).map(Number);

function* uploadIds(): Generator<string> {
  for (let index = 0; index < uploads; index += 1) yield `upload_${index}`;
}

/** Of the heap, in MB, once all garbage is collected. */
async function inUse(): Promise<number> {
  globalThis.gc?.();
  await delay(50); // Finalizers run, and free more.
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

using server = await startLoopback();
const client = createClient({ baseUrl: server.url, apiKey: "sk-bench" });
let done = 0;
let first = Number.NaN;
let last = Number.NaN;
for await (const { error } of cancelUploads(client, uploadIds())) {
  if (error) throw error;
  done += 1;
  if (done !== FIRST && done % EACH !== 0) continue;
  last = await inUse();
  if (done === FIRST) first = last;
  const resident = process.memoryUsage().rss / 1e6;
  console.log(
    `${done.toLocaleString("en").padStart(9)} cancelled: ${last.toFixed(1)} MB in use, ${resident.toFixed(0)} MB resident`,
  );
}
if (!(last - first < MAX_GROWTH)) throw new Error(`the memory grew by ${(last - first).toFixed(1)} MB`);
