import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly input?: string;
  /** Ends the program. */
  readonly signal?: AbortSignal;
}

/** Runs a program to its end: one that leaves a process behind doesn't end, since that holds the pipes open. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { input = "", ...spawnOptions } = options;
  const env = { ...process.env, NO_COLOR: "1", ...options.env };
  const child = spawn(command, args, { ...spawnOptions, env });
  child.stdin.on("error", () => {}); // it may end without reading
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { exitCode: child.exitCode, stdout, stderr };
}
