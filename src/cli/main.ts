import { existsSync, statSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { CommanderError } from "commander";
import { cancelInRun } from "../cancel-uploads.js";
import { ClientError } from "../errors.js";
import { NotSent, Run } from "../run.js";
import { excerpt } from "../text.js";
import { messageOf, stopOf } from "./explain.js";
import { countEntries, ID, readEntries, rejectKey, rejectSameFile } from "./ids.js";
import { hideTypedKeys } from "./key.js";
import { createClientFor, createProgram, type Options, SEE_HELP, STDIN, UsageError } from "./options.js";
import { Report } from "./report.js";
import { openResultsFile } from "./results-file.js";
import { handleSignals } from "./signals.js";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const STOPPED = new Error("stopped"); // ends a run when the user knows why

export type Input = Readable & Readonly<{ fd?: number; isTTY?: boolean }>;
type Output = Writable & Readonly<{ fd?: number; isTTY?: boolean; columns?: number }>;

/** What the command needs of Node's `process`. */
export interface Process extends Pick<NodeJS.Process, "env" | "ppid">, Readonly<Record<"stdout" | "stderr", Output>> {
  readonly stdin: Input;
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): unknown;
}

/** What the command was started with. `key` is the API key, and empty if there is none. */
export type Context = Readonly<{ args: readonly string[]; options: Options; key: string; process: Process }>;

/** Makes `fetch` use the environment's proxies. Returns what closes its connections. */
export type InstallFetch = (env: Process["env"]) => Promise<() => Promise<void>>;

/** Runs the command. Returns the exit code. */
export async function main(argv: readonly string[], process: Process, connect: InstallFetch): Promise<number> {
  const key = process.env["OPENAI_API_KEY"]?.trim() ?? "";
  try {
    const program = createProgram({ key, process }).parse(argv, { from: "user" });
    const close = await connect(process.env);
    const exitCode = await cancelAll({ args: program.args, options: program.opts<Options>(), key, process });
    await close();
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE; // it has been printed
    if (!(error instanceof UsageError || Object(error).syscall)) throw error;
    process.stderr.write(`error: ${hideTypedKeys(messageOf(error), key)}\n${SEE_HELP}\n`);
    return EXIT_USAGE;
  }
}

async function cancelAll(context: Context): Promise<number> {
  const { args, options, key, process } = context;
  const { concurrency, maxWait, dryRun = false, resume, verbose } = options;
  const { stdin, stdout, stderr } = process;
  checkArguments(args, key);
  const client = createClientFor(context);
  const total = await countEntries(context);
  const resultsFile = resume === undefined ? undefined : await openResultsFile(resume, dryRun);
  rejectSameFile(context, resultsFile?.fd, "the file of --resume");
  rejectSameFile(context, stdout.fd, "standard output");

  const [run, giveUp] = [new Run(), new AbortController()];
  const report = new Report(context, run, total, dryRun ? undefined : resultsFile);
  let exitCode: number | undefined;
  handleSignals(process, (code, isFirst) => {
    exitCode = code;
    run.end(STOPPED);
    if (isFirst)
      report.note("Stopping: waiting for requests in flight, sending no more. A second signal stops immediately.");
    else giveUp.abort(new Error("stopped before it ended; it may have been cancelled"));
  });
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    exitCode ??= EXIT_FAILURE;
    if (!run.ended.aborted && error.code !== "EPIPE") report.note(`error: ${error.message}`);
    run.end(STOPPED); // a cancel that can't be reported should not be sent
  });
  stderr.on("error", () => {}); // it may be closed; the work goes on
  if (args.includes(STDIN)) run.ended.addEventListener("abort", () => stdin.destroy()); // it may never end

  let isComplete = false;
  try {
    const uploadIds = idsToSend(context, resultsFile?.cancelled ?? new Set(), report);
    const onRetry = (error: ClientError, delay: number) => {
      if (verbose) report.note(`${error.message}; trying again in ${(delay / 1_000).toFixed(1)} s`);
    };
    // One at a time keeps the requests of a dry run in order.
    const callOptions = { concurrency: dryRun ? 1 : concurrency, maxWait, onRetry, signal: giveUp.signal };
    for await (const { uploadId, upload, error } of cancelInRun(run, client, uploadIds, callOptions)) {
      if (error instanceof NotSent) continue; // counted as not tried
      if (error) report.failed({ text: uploadId }, error);
      else if (dryRun) report.planned(uploadId, upload);
      else report.cancelled(uploadId, upload);
      await report.drained();
    }
    isComplete = true;
  } catch (error) {
    exitCode ??= error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE;
    if (error instanceof ClientError) report.note(stopOf(error, maxWait, report.tally.left === 0));
    else if (run.ended.reason !== STOPPED) report.note(`error: ${messageOf(error)}`);
  }
  report.end(isComplete);
  if (!isComplete && !dryRun && report.tally.left !== 0) {
    report.note(resume ? "To continue, run the same command again." : "With --resume <file>, a run can be continued.");
  }
  return exitCode ?? (report.tally.failed > 0 ? EXIT_FAILURE : 0);
}

function checkArguments(args: readonly string[], key: string): void {
  if (args.indexOf(STDIN) !== args.lastIndexOf(STDIN)) throw new UsageError(`${STDIN} can be given only once`);
  for (const text of args.filter((arg) => arg !== STDIN)) {
    rejectKey({ text }, key);
    const name = /^[\w./-]+$/.test(text) ? text : JSON.stringify(text);
    if (existsSync(text) && statSync(text).isFile()) {
      throw new UsageError(`${name} is a file; to read IDs from it: cancel-upload ${STDIN} < ${name}`);
    }
    if (!ID.test(text)) throw new UsageError(`${JSON.stringify(text)} is not an upload ID, such as upload_abc123`);
  }
}

/** Each ID once, unless an earlier run has cancelled it. */
async function* idsToSend(context: Context, cancelled: ReadonlySet<string>, report: Report) {
  const seen = new Set<string>();
  let entries = 0;
  for await (const { text, line } of readEntries(context)) {
    entries += 1;
    rejectKey({ text, line }, context.key);
    const problem = `not an upload ID: ${JSON.stringify(excerpt(text))}`;
    if (!ID.test(text)) report.failed({ text, line }, new TypeError(problem));
    else if (seen.has(text)) {
      report.tally.duplicates += 1;
      report.note(`${line === undefined ? "" : `line ${line}: `}skipped ${text}, a duplicate`);
    } else if (cancelled.has(text)) report.tally.skipped += 1;
    else yield text;
    seen.add(text);
    await report.drained();
  }
  report.tally.total = entries;
  if (context.args.includes(STDIN) && entries < context.args.length) throw new Error("no upload ID in standard input");
}
