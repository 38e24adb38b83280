// Cancels 2,000 Uploads with the command at a server that allows 200 requests per second and rejects the rest with a 429.
// Checks that few requests are rejected, and shows how much longer than necessary the run takes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { cli } from "../support/cli.js";
import { idOf, json, serve } from "../support/server.js";

const UPLOADS = 2_000;
const PER_SECOND = 200;
const IDEAL = UPLOADS / PER_SECOND;

let window = { start: Number.NEGATIVE_INFINITY, requests: 0 };
let rejected = 0;
await using server = await serve((request, response) => {
  const now = performance.now();
  if (now - window.start >= 1_000) window = { start: now, requests: 0 };
  window.requests += 1;
  if (window.requests > PER_SECOND) {
    rejected += 1;
    return json(429, { error: { message: "Rate limit reached" } }, { "retry-after": "1" })(request, response);
  }
  return json(200, { id: idOf(request), status: "cancelled" })(request, response);
});

const start = performance.now();
const command = spawn(process.execPath, [cli, "-"], {
  stdio: ["pipe", "ignore", "pipe"],
  env: { ...process.env, OPENAI_API_KEY: "sk-soak", OPENAI_BASE_URL: server.url },
});
command.stdin.end(Array.from({ length: UPLOADS }, (_, index) => `upload_${index}\n`).join(""));
const [summary] = await Promise.all([text(command.stderr), once(command, "close")]);
const seconds = (performance.now() - start) / 1_000;

process.stdout.write(summary);
console.log(
  `${server.requests.length} requests, ${rejected} of them rejected, in ${seconds.toFixed(1)} s (ideal: ${IDEAL} s)`,
);
if (command.exitCode !== 0) throw new Error("not every Upload was cancelled");
if (rejected > UPLOADS / 10) throw new Error("more than one request in ten was rejected");
