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
  /** Kills the program. */
  readonly signal?: AbortSignal;
}

/** Runs a program until it and all processes that it started have exited: they hold its pipes open. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { input = "", ...spawnOptions } = options;
  const env = { ...process.env, NO_COLOR: "1", ...options.env };
  const child = spawn(command, args, { ...spawnOptions, env });
  child.stdin.on("error", () => {}); // It can exit before it has read everything.
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { exitCode: child.exitCode, stdout, stderr };
}
