import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { type Ended, run } from "./run.js";
import { idOf, json, type Server, serve } from "./server.js";

/** The built command. */
export const cli = "dist/cli.js";

export const key = "sk-secret-0123456789";

export function envFor(url: string): Record<string, string> {
  return { OPENAI_API_KEY: key, OPENAI_BASE_URL: url };
}

/** Runs the command to its end. */
export function cancelUpload(url: string, args: readonly string[], input?: string): Promise<Ended> {
  return run(process.execPath, [cli, ...args], { env: envFor(url), ...(input !== undefined && { input }) });
}

/** Starts the command, for a test that interacts with it. */
export function start(server: Server, args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [cli, ...args], { env: { ...process.env, ...envFor(server.url) } });
  child.stdin.on("error", () => {}); // it may exit before it reads all
  return child;
}

/** The exit code, or the signal that killed it, once it has exited. */
export async function exitOf(child: ChildProcessWithoutNullStreams): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return child.exitCode ?? child.signalCode;
}

/** Cancels each Upload, but refuses those with "bad" in their ID. */
export function api(): Promise<Server> {
  return serve((request, response) => {
    const id = idOf(request);
    const refusal = { message: `No such Upload: ${id}`, type: "invalid_request_error", param: "upload_id", code: null };
    if (id.includes("bad")) return json(404, { error: refusal }, { "x-request-id": "req_1" })(request, response);
    const upload = {
      id,
      object: "upload",
      filename: "training_examples.jsonl",
      bytes: 2147483648,
      status: "cancelled",
    };
    return json(200, upload)(request, response);
  });
}
