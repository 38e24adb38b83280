import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { PassThrough, type Writable } from "node:stream";
import { type Input, type InstallFetch, main } from "../../src/cli/main.js";
import { key } from "./client.js";
import type { Ended } from "./run.js";
import type { Server } from "./server.js";

export { key } from "./client.js";
export { api } from "./server.js";

/** The built command. */
export const cli = "dist/cli.js";

export function envFor(url: string): Record<string, string> {
  return { OPENAI_API_KEY: key, OPENAI_BASE_URL: url };
}

interface CommandOptions {
  readonly env?: Record<string, string>;
  /** All of standard input. */
  readonly input?: string;
  /** Standard input itself, instead. */
  readonly stdin?: Input;
  /** Instead of Node's own fetch, without a proxy. */
  readonly connect?: InstallFetch;
  /** Makes standard output and standard error a terminal of this width. */
  readonly columns?: number;
}

/** The command while it runs in the process of the test. */
interface Command {
  /** What a test writes to. */
  readonly stdin: Writable;
  /** What the command has printed so far. */
  readonly printed: { stdout: string; stderr: string };
  /** Resolves when what it has printed passes the test. */
  readonly until: (test: (printed: { stdout: string; stderr: string }) => boolean) => Promise<void>;
  /** Resolves when the command has ended. */
  readonly ended: Promise<Ended>;
  signal(name: "SIGINT" | "SIGTERM" | "SIGHUP"): void;
}

/** Starts the command in this process, which is much faster than in one of its own. */
export function start(args: readonly string[], { env = {}, input, columns, ...options }: CommandOptions = {}): Command {
  const terminal = columns === undefined ? {} : { isTTY: true, columns };
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  if (input !== undefined) stdin.end(input);
  const printed = { stdout: "", stderr: "" };
  const prints = new EventEmitter();
  for (const [name, stream] of [
    ["stdout", stdout],
    ["stderr", stderr],
  ] as const) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed[name] += text;
      prints.emit("data");
    });
  }
  const process = Object.assign(new EventEmitter(), {
    env,
    ppid: globalThis.process.pid,
    stdin: options.stdin ?? stdin,
    stdout: Object.assign(stdout, terminal),
    stderr: Object.assign(stderr, terminal),
    exit: () => {},
  });
  const run = async (): Promise<Ended> => {
    const exitCode = await main(args, process, options.connect ?? (async () => async () => {}));
    const closed = Promise.all([once(stdout, "end"), once(stderr, "end")]);
    for (const stream of [stdout, stderr]) stream.end();
    await closed;
    return { exitCode, ...printed };
  };
  const until: Command["until"] = async (test) => {
    while (!test(printed)) await once(prints, "data");
  };
  return { stdin, printed, until, ended: run(), signal: (name) => process.emit(name, name) };
}

/** Runs the command in this process until it ends. */
export function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return start(args, { input: "", ...options }).ended;
}

/** Runs the command in this process, with a key, until it ends. */
export function cancelUpload(url: string, args: readonly string[], input?: string): Promise<Ended> {
  return runCommand(args, { env: envFor(url), ...(input !== undefined && { input }) });
}

/** Starts the command in a process of its own. */
export function startProcess(server: Server, args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [cli, ...args], { env: { ...process.env, ...envFor(server.url) } });
  child.stdin.on("error", () => {}); // It can exit before it has read everything.
  return child;
}

/** The exit code, or the signal that killed it, once it has exited. */
export async function exitOf(child: ChildProcessWithoutNullStreams): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return child.exitCode ?? child.signalCode;
}
