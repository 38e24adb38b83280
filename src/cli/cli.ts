#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { cancelInRun } from "../cancel-uploads.js";
import { type Client, createClient } from "../client.js";
import type { ClientError } from "../errors.js";
import { RETRY_DEFAULTS } from "../retry.js";
import { Run } from "../run.js";
import { excerpt } from "../text.js";
import { installFetch } from "./fetch.js";
import { isId, StdinLines } from "./ids.js";
import { key } from "./key.js";
import { readOptions, STDIN, usageError } from "./options.js";
import { Report } from "./report.js";
import { Seen } from "./seen.js";

// A run of hours should take little memory. V8 would rather take twice as much than collect what is no longer in use.
setFlagsFromString("--heap-growing-percent=100");

const EXIT_FAILURE = 1;
/** As a shell has it: 128, and the number of the signal. */
const EXIT_CODES = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const;

/** How long the second signal waits for what is left to say, in ms. */
const MAX_GOODBYE = 1_000;

const { args, options } = readOptions();
for (const arg of args) {
  if (arg !== STDIN && !isId(arg)) usageError(`${JSON.stringify(arg)} is not an upload ID, such as upload_abc123`);
}
if (args.indexOf(STDIN) !== args.lastIndexOf(STDIN)) usageError(`${STDIN} can be given only once`);

/** What a dry run would have sent, by the ID, until it is reported. */
const planned = new Map<string, Request>();
await installFetch();
const client = createClientOrExit();

const stdin = args.includes(STDIN) ? new StdinLines() : undefined;
const seen = new Seen();
const concurrency = options.dryRun ? 1 : options.concurrency;
const run = new Run(concurrency, RETRY_DEFAULTS.maxWait);
const report = new Report({
  success: options.dryRun ? "would be sent" : "cancelled",
  total: stdin ? undefined : new Set(args).size,
  share: () => stdin?.share,
  wait: () => Math.max((run.state.closed?.nextTryAt ?? 0) - performance.now(), 0),
  json: options.json ?? false,
  verbose: options.verbose ?? false,
});

/** Why the run stopped, if it didn't stop by itself. */
const STOPPED = new Error("stopped");
/** Gives up what was sent, too. */
const giveUp = new AbortController();

let isInterrupted = false;
for (const [signal, exitCode] of EXIT_CODES) {
  // Node gives an ignored SIGHUP its default back; only the shell's note of the command is left of nohup.
  const isIgnored = signal === "SIGHUP" && /(^|\/)nohup$/.test(process.env["_"] ?? "");
  process.on(signal, () => {
    if (isIgnored) return;
    process.exitCode = exitCode;
    if (isInterrupted) {
      giveUp.abort(new Error("stopped before it ended; it may have been cancelled"));
      setTimeout(() => process.exit(), MAX_GOODBYE).unref(); // Nobody may read what is left to say.
      return;
    }
    isInterrupted = true;
    run.end(STOPPED);
    report.note("Stopping: nothing more is sent; waiting for requests in flight. A second signal stops at once.");
  });
}
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exitCode ??= EXIT_FAILURE;
  if (!run.ended.aborted && error.code !== "EPIPE") report.note(`error: ${error.message}`);
  run.end(STOPPED); // What can't be reported should not be cancelled.
});
// Nobody may be there to read what is for people; the work goes on.
process.stderr.on("error", () => {});
// It may wait for its next line for ever.
run.ended.addEventListener("abort", () => stdin && process.stdin.destroy());

let isWhole = false;
try {
  const onRetry = (error: ClientError, delay: number) => report.retry(error, delay);
  const results = cancelInRun(run, client, uploadIds(), { onRetry, signal: giveUp.signal });
  for await (const { uploadId, upload, error } of results) {
    const request = planned.get(uploadId);
    planned.delete(uploadId);
    if (error) report.failed(uploadId, error);
    else if (request) report.planned(uploadId, request);
    else report.cancelled(uploadId, upload);
    const wait = report.ready();
    if (wait) await wait;
  }
  isWhole = true;
} catch (error) {
  process.exitCode ??= EXIT_FAILURE;
  if (error !== run.ended.reason) report.note(`error: ${error instanceof Error ? error.message : error}`);
  else if (error !== STOPPED) report.stopped(error);
}
report.end(isWhole);
if (report.failures > 0) process.exitCode ??= EXIT_FAILURE;

/** The IDs that are given, each once. */
async function* uploadIds(): AsyncGenerator<string, void, undefined> {
  for (const arg of args) {
    if (arg !== STDIN) {
      if (isToSend(arg)) yield arg;
      continue;
    }
    let isEmpty = true;
    for await (const lines of stdin ?? []) {
      for (const { text, number } of lines) {
        isEmpty = false;
        if (isToSend(text, number)) yield text;
      }
      await report.ready();
    }
    if (!isEmpty) continue;
    process.exitCode ??= EXIT_FAILURE;
    report.note("error: there is no upload ID in standard input");
  }
}

/** Whether it is an ID, for the first time; says so if it isn't. */
function isToSend(text: string, line?: number): boolean {
  if (!isId(text)) {
    report.failed(excerpt(text), new TypeError(`not an upload ID: ${JSON.stringify(excerpt(text))}`), line);
    return false;
  }
  const isNew = seen.add(text);
  if (!isNew) report.note(`${line === undefined ? "" : `line ${line}: `}${text} was given before, and is sent once`);
  return isNew;
}

function createClientOrExit(): Client {
  if (key === "" && !options.dryRun) usageError("there is no API key: set OPENAI_API_KEY");
  const [source, baseUrl] =
    options.baseUrl === undefined
      ? ["OPENAI_BASE_URL", process.env["OPENAI_BASE_URL"]?.trim() ?? ""]
      : ["--base-url", options.baseUrl];
  if (baseUrl !== "" && !/^https?:\/\//i.test(baseUrl)) {
    const shown = JSON.stringify(baseUrl.replace(/.*@/, "***@")); // a password may stand before it
    usageError(`${source} must be an http(s) URL: http:// or https:// is missing at the start of ${shown}`);
  }
  const plan = async (request: Request) => {
    const id = decodeURIComponent(request.url.split("/").at(-2) ?? "");
    planned.set(id, request);
    return Response.json({ id, status: "cancelled" });
  };
  try {
    return createClient({
      baseUrl: baseUrl === "" ? undefined : baseUrl,
      maxRetries: options.maxRetries,
      timeout: options.timeout,
      ...(options.dryRun && { fetch: plan, apiKey: key === "" ? "none" : key }),
    });
  } catch (error) {
    usageError(error instanceof Error ? asTyped(error.message, source) : String(error));
  }
}

/** The message of a bad option, with the option's name as it is typed. */
function asTyped(message: string, baseUrl: string): string {
  const names = {
    apiKey: "OPENAI_API_KEY",
    baseUrl,
    organization: "OPENAI_ORG_ID",
    project: "OPENAI_PROJECT_ID",
    maxRetries: "--max-retries",
    timeout: "--timeout",
  };
  return message.replace(/^\w+/, (name) => new Map(Object.entries(names)).get(name) ?? name);
}
