import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { cli } from "../support/cli.js";
import { idOf, json, serve } from "../support/server.js";

const UPLOADS = 100_000;
const MAX_SECONDS = 3;

const input = Array.from({ length: UPLOADS }, (_, index) => `upload_${index}\n`).join("");

/**
 * Sends SIGTERM to the command at a random moment of a run, several times, with a server that rejects some requests.
 *
 * @returns The problems: the command must report every cancelled Upload as cancelled, and every other request as failed.
 */
export async function stopRepeatedly(rounds: number, random: () => number): Promise<string[]> {
  const problems: string[] = [];
  for (let round = 1; round <= rounds; round += 1) problems.push(...(await stopDuringRun(round, random)));
  return problems;
}

async function stopDuringRun(round: number, random: () => number): Promise<string[]> {
  const problems: string[] = [];
  const sent = new Set<string>();
  const cancelled = new Set<string>();
  await using server = await serve((request, response) => {
    const id = idOf(request);
    sent.add(id);
    const chance = random();
    if (chance < 0.01) return json(429, {}, { "retry-after-ms": "100" })(request, response);
    if (chance < 0.05) return json(404, { error: { message: "no" } })(request, response);
    cancelled.add(id);
    const respond = () => json(200, { id, object: "upload", status: "cancelled" })(request, response);
    return chance < 0.5 ? respond() : setTimeout(respond, random() * 20);
  }, 0);

  const concurrency = 1 + Math.floor(random() * 50);
  const command = spawn(process.execPath, [cli, "--json", "--concurrency", String(concurrency), "-"], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, OPENAI_API_KEY: "sk-soak", OPENAI_BASE_URL: server.url },
  });
  command.stdin.on("error", () => {}); // It exits before it has read everything.
  command.stdin.end(input);
  const output = Promise.all([text(command.stdout), text(command.stderr), once(command, "close")]);
  while (sent.size === 0 && command.exitCode === null) await delay(10);
  const seconds = random() * MAX_SECONDS;
  await delay(seconds * 1_000);
  command.kill("SIGTERM");

  const [stdout, stderr] = await output;
  const lines = stdout.split("\n").slice(0, -1);
  const results = lines.map((line): { upload_id: string; ok: boolean } => JSON.parse(line));
  const reported = new Map(results.map(({ upload_id, ok }) => [upload_id, ok]));
  if (command.exitCode !== 143) problems.push(`round ${round}: exit code ${command.exitCode}`);
  if (reported.size !== lines.length) problems.push(`round ${round}: two lines report the same Upload`);
  for (const id of sent) if (!reported.has(id)) problems.push(`round ${round}: ${id} was sent, but no line reports it`);
  for (const [id, ok] of reported) {
    if (ok !== cancelled.has(id))
      problems.push(`round ${round}: ${id} was ${ok ? "not " : ""}cancelled, but its line says otherwise`);
  }
  console.log(
    `${round}: SIGTERM after ${seconds.toFixed(2)} s, ${concurrency} in flight: ${stderr.split("\n").find((line) => line.includes(" cancelled, "))}`,
  );
  return problems;
}
