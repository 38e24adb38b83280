import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { key } from "./client.js";
import { type Ended, run } from "./run.js";
import type { Server } from "./server.js";

export { key } from "./client.js";
export { api } from "./server.js";

/** The built command. */
export const cli = "dist/cli.js";

export function envFor(url: string): Record<string, string> {
  return { OPENAI_API_KEY: key, OPENAI_BASE_URL: url };
}

/** Runs the command until it exits. */
export function cancelUpload(url: string, args: readonly string[], input?: string): Promise<Ended> {
  return run(process.execPath, [cli, ...args], { env: envFor(url), ...(input !== undefined && { input }) });
}

/** Starts the command, for a test that interacts with it. */
export function start(server: Server, args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [cli, ...args], { env: { ...process.env, ...envFor(server.url) } });
  child.stdin.on("error", () => {}); // It can exit before it has read everything.
  return child;
}

/** The exit code, or the signal that killed it, once it has exited. */
export async function exitOf(child: ChildProcessWithoutNullStreams): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return child.exitCode ?? child.signalCode;
}
