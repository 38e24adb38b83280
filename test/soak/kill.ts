import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { json, serve } from "../support/server.js";

const UPLOADS = 100_000;
const MAX_SECONDS = 3;

const input = Array.from({ length: UPLOADS }, (_, index) => `upload_${index}\n`).join("");
/**
 * Ends the command by SIGTERM at a random moment of a run, again and again, at a server that fails some answers.
 *
 * @returns What was wrong: each Upload that was cancelled must be in a line that says so, and every other in a line that
 * says it failed, or not sent.
 */
export async function killAgainAndAgain(rounds: number, random: () => number): Promise<string[]> {
  const wrong: string[] = [];
  for (let round = 1; round <= rounds; round += 1) wrong.push(...(await kill(round, random)));
  return wrong;
}

async function kill(round: number, random: () => number): Promise<string[]> {
  const wrong: string[] = [];
  const sent = new Set<string>();
  const cancelled = new Set<string>();
  await using server = await serve((request, response) => {
    const id = request.url?.split("/").at(-2) ?? "";
    sent.add(id);
    const chance = random();
    if (chance < 0.01) return json(429, {}, { "retry-after-ms": "100" })(request, response);
    if (chance < 0.05) return json(404, { error: { message: "no" } })(request, response);
    cancelled.add(id);
    const answer = () => json(200, { id, object: "upload", status: "cancelled" })(request, response);
    return chance < 0.5 ? answer() : setTimeout(answer, random() * 20);
  }, 0);

  const concurrency = 1 + Math.floor(random() * 50);
  const command = spawn(process.execPath, ["dist/cli.js", "--json", "--concurrency", String(concurrency), "-"], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, OPENAI_API_KEY: "sk-soak", OPENAI_BASE_URL: server.url },
  });
  command.stdin.on("error", () => {}); // it ends without reading all
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
  if (command.exitCode !== 143) wrong.push(`round ${round}: exit code ${command.exitCode}`);
  if (reported.size !== lines.length) wrong.push(`round ${round}: an Upload is in two lines`);
  for (const id of sent) if (!reported.has(id)) wrong.push(`round ${round}: ${id} was sent, but is in no line`);
  for (const [id, ok] of reported) {
    if (ok !== cancelled.has(id))
      wrong.push(`round ${round}: ${id} was ${ok ? "not " : ""}cancelled, its line says else`);
  }
  console.log(
    `${round}: SIGTERM after ${seconds.toFixed(2)} s, ${concurrency} in flight: ${stderr.trim().split("\n").at(-1)}`,
  );
  return wrong;
}
