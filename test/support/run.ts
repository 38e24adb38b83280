import { execFile } from "node:child_process";

export interface Ended {
  readonly code: number | null;
  /** What it wrote to standard output and standard error. */
  readonly output: string;
}

/** Runs a command to its end: one that leaves a process behind would not end, since that holds the pipes open. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: "1", ...options.env };
  return new Promise((resolve) => {
    const child = execFile(command, args, { ...options, env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, output: stdout + stderr }),
    );
  });
}
