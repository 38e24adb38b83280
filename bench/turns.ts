// What a client does in its turn, in a process of its own. Each function returns what it cost.
import { type ChildProcess, execFile, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { cancelledUpload } from "../test/support/contract.js";
import type { Peer, Pool } from "./peers.js";

const folder = { cwd: ".bench" };

/** @returns The kB, gzipped, of what cancels one upload, minified together with everything it imports. */
export async function bundleSize({ program }: Peer): Promise<number> {
  const { outputFiles } = await build({
    ...{ bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none", write: false },
    stdin: { contents: `export { connect } from "${program}"`, resolveDir: ".bench" },
  });
  return gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length / 1_000;
}

/** @returns In ms. */
export async function importTime({ program }: Peer): Promise<number> {
  // The first import in a process is slow, whatever it imports.
  const code = `await import("./fetch.js");
    const start = performance.now();
    await import("${program}");
    console.log(performance.now() - start);`;
  const { stdout } = await promisify(execFile)("node", ["--input-type=module", "--eval", code], folder);
  return Number(stdout);
}

/** What to do at each message: `times` times, cancel `inFlight` uploads. */
export interface Load {
  /** Of the server. Without it, `fetch` answers instantly. */
  readonly url?: string;
  readonly inFlight: number;
  readonly times: number;
}

export function startRunner({ name, program }: Peer, load: Load): ChildProcess {
  const args = [program, JSON.stringify({ ...load, answer: JSON.stringify(cancelledUpload) })];
  const runner = fork("one.js", args, { ...folder, execArgv: [] }); // without tsx
  return runner.once("exit", (code) => {
    if (code !== 0) throw new Error(`The process of ${name} exited with ${code}.`);
  });
}

/** @returns In µs per cancel. */
export async function run(runner: ChildProcess): Promise<number> {
  runner.send("cancel");
  const [microseconds]: unknown[] = await once(runner, "message");
  return Number(microseconds);
}

/** @returns In µs per cancel, over the whole life of a process that reads the IDs from standard input. */
export async function cancelMany(
  { name, command }: Pool,
  url: string,
  uploadIds: readonly string[],
  concurrency: number,
): Promise<number> {
  const start = performance.now();
  const pool = spawn("node", [...command, "--concurrency", String(concurrency)], {
    ...folder,
    env: { ...process.env, OPENAI_API_KEY: "sk-bench", OPENAI_BASE_URL: url },
    stdio: ["pipe", "ignore", "pipe"],
  });
  pool.stdin.end(uploadIds.join("\n"));
  const [output] = await Promise.all([text(pool.stderr), once(pool, "close")]);
  if (pool.exitCode !== 0) throw new Error(`${name} failed: ${output}`);
  return ((performance.now() - start) * 1_000) / uploadIds.length;
}
