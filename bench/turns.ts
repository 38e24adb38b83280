// What a client does in its turn, in a process of its own. Each function returns what it cost.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { build } from "esbuild";
import { type Peer, type Pool, shell } from "./peers.js";
import type { Load } from "./runner.js";

const program = ({ id }: Peer) => resolve(`.bench/${id}/compiled/program.js`);

/** The program with all that it imports, minified. */
export async function bundle(peer: Peer): Promise<Uint8Array> {
  const options = { bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none" } as const;
  const { outputFiles } = await build({ ...options, entryPoints: [program(peer)], write: false });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

/** @returns How much was installed or generated to run it, in kB. */
export async function installed({ id }: Peer): Promise<number> {
  const { stdout } = await shell("find node_modules client -type f -exec cat {} + | wc -c", { cwd: `.bench/${id}` });
  return Number(stdout) / 1e3;
}

/** @returns In ms. */
export async function importProgram(peer: Peer): Promise<number> {
  // The first import in a process is slow, whatever it imports.
  const code = `await import("${resolve(".bench/fetch/compiled/program.js")}");
    const start = performance.now();
    await import("${program(peer)}");
    console.log(performance.now() - start);`;
  const { stdout } = await shell(`node --input-type=module --eval '${code}'`);
  return Number(stdout);
}

/** @returns In ms, with the start of `tsc`. */
export async function typeCheck({ id }: Peer): Promise<number> {
  const start = performance.now();
  await shell(`tsc --noEmit --project .bench/${id}`);
  return performance.now() - start;
}

/** Starts a process that cancels with this peer's program at each message. */
export function startRunner(peer: Peer, load: Load): ChildProcess {
  // With the tsconfig.json of this repository, tsx would import src instead of the package.
  const env = { ...process.env, TSX_TSCONFIG_PATH: "bench/programs/tsconfig.json" };
  const runner = fork(new URL("runner.ts", import.meta.url), [program(peer), JSON.stringify(load)], { env });
  return runner.once("exit", (code) => {
    if (code !== 0) throw new Error(`The process of ${peer.name} exited with ${code}.`);
  });
}

/** @returns In µs per cancel. */
export async function run(runner: ChildProcess): Promise<number> {
  runner.send("cancel");
  const [microseconds]: unknown[] = await once(runner, "message");
  return Number(microseconds);
}

/** @returns In cancels per second, over the whole life of a process that reads the IDs from standard input. */
export async function cancelMany(
  { program }: Pool,
  url: string,
  uploadIds: readonly string[],
  inFlight: number,
): Promise<number> {
  const start = performance.now();
  const pool = spawn("node", [...program.split(" "), String(inFlight)], {
    cwd: ".bench/many",
    env: { ...process.env, OPENAI_API_KEY: "sk-bench", OPENAI_BASE_URL: url },
    stdio: ["pipe", "ignore", "pipe"],
  });
  pool.stdin.end(uploadIds.join("\n"));
  const [output] = await Promise.all([text(pool.stderr), once(pool, "close")]);
  if (pool.exitCode !== 0) throw new Error(`${program} failed: ${output}`);
  return uploadIds.length / ((performance.now() - start) / 1_000);
}
