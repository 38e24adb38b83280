#!/usr/bin/env node
import { existsSync, statSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { cancelInRun } from "../cancel-uploads.js";
import type { Client } from "../client.js";
import { ClientError } from "../errors.js";
import { Run } from "../run.js";
import { installFetch } from "./fetch.js";
import { countEntries, ID, readEntries, rejectKey } from "./ids.js";
import { createClientFor, EXIT_USAGE, type Options, program, STDIN, UsageError } from "./options.js";
import { messageOf, stopOf } from "./problems.js";
import { Report } from "./report.js";
import { openResultsFile } from "./results-file.js";
import { handleSignals } from "./signals.js";
import { Tally } from "./tally.js";

// V8 would rather take twice the memory than collect garbage, and a run can have a million IDs.
setFlagsFromString("--heap-growing-percent=30");

const EXIT_FAILURE = 1;
const STOPPED = new Error("stopped"); // ends a run when the user knows why

async function main(): Promise<void> {
  const { args } = program.parse();
  const options = program.opts<Options>();
  const { concurrency, maxWait, dryRun = false, resume, verbose } = options;
  checkArguments(args);
  const close = await installFetch();
  const client = createClientFor(options);
  const total = await countEntries(args);
  const resultsFile = resume === undefined ? undefined : await openResultsFile(resume, dryRun);

  const run = new Run();
  const giveUp = new AbortController();
  const tally = Object.assign(new Tally(), { total, success: dryRun ? "would be sent" : "cancelled" });
  const record = (result: string) => {
    try {
      if (!dryRun) resultsFile?.append(result);
    } catch (error) {
      run.end(new Error(`--resume: ${messageOf(error)}`)); // a cancel that can't be recorded should not be sent
    }
  };
  const report = new Report(tally, () => run.state, options, record);

  const stop = () => {
    run.end(STOPPED);
    report.note("Stopping: waiting for requests in flight, sending no more. A second signal stops immediately.");
  };
  handleSignals(stop, () => giveUp.abort(new Error("stopped before it ended; it may have been cancelled")));
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exitCode ??= EXIT_FAILURE;
    if (!run.ended.aborted && error.code !== "EPIPE") report.note(`error: ${error.message}`);
    run.end(STOPPED); // a cancel that can't be reported should not be sent
  });
  process.stderr.on("error", () => {}); // it may be closed; the work goes on
  if (args.includes(STDIN)) run.ended.addEventListener("abort", () => process.stdin.destroy()); // it may never end

  let isComplete = false;
  try {
    const uploadIds = idsToSend(args, resultsFile?.cancelled ?? new Set(), tally, report);
    if (dryRun) {
      for await (const uploadId of uploadIds) report.planned(uploadId, await requestFor(client, uploadId));
      run.ended.throwIfAborted();
    } else {
      const onRetry = (error: ClientError, delay: number) => {
        if (verbose) report.note(`${error.message}; trying again in ${(delay / 1_000).toFixed(1)} s`);
      };
      const callOptions = { concurrency, maxWait, onRetry, signal: giveUp.signal };
      for await (const { uploadId, upload, error } of cancelInRun(run, client, uploadIds, callOptions)) {
        if (error) report.failed({ text: uploadId }, error);
        else report.cancelled(uploadId, upload);
        await report.drained();
      }
    }
    isComplete = true;
  } catch (error) {
    process.exitCode ??= error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE;
    if (error instanceof ClientError) report.note(stopOf(error, maxWait, tally.left === 0));
    else if (run.ended.reason !== STOPPED) report.note(`error: ${messageOf(error)}`);
  }
  report.end(isComplete);
  if (!isComplete && !dryRun && tally.left !== 0) {
    report.note(resume ? "To continue, run the same command again." : "With --resume <file>, a run can be continued.");
  }
  if (tally.failed > 0) process.exitCode ??= EXIT_FAILURE;
  await close();
}

function checkArguments(args: readonly string[]): void {
  if (args.indexOf(STDIN) !== args.lastIndexOf(STDIN)) throw new UsageError(`${STDIN} can be given only once`);
  for (const text of args.filter((arg) => arg !== STDIN)) {
    rejectKey({ text });
    const name = /^[\w./-]+$/.test(text) ? text : JSON.stringify(text);
    if (existsSync(text) && statSync(text).isFile()) {
      throw new UsageError(`${name} is a file; to read IDs from it: cancel-upload ${STDIN} < ${name}`);
    }
    if (!ID.test(text)) throw new UsageError(`${JSON.stringify(text)} is not an upload ID, such as upload_abc123`);
  }
}

/** Each ID once, unless an earlier run has cancelled it. */
async function* idsToSend(args: readonly string[], cancelled: ReadonlySet<string>, tally: Tally, report: Report) {
  const seen = new Set<string>();
  let entries = 0;
  for await (const { text, line } of readEntries(args)) {
    entries += 1;
    rejectKey({ text, line });
    if (!ID.test(text)) report.invalid({ text, line });
    else if (seen.has(text)) {
      tally.duplicates += 1;
      report.note(`${line === undefined ? "" : `line ${line}: `}skipped ${text}, a duplicate`);
    } else if (cancelled.has(text)) tally.skipped += 1;
    else yield text;
    seen.add(text);
    await report.drained();
  }
  tally.total = entries;
  if (args.includes(STDIN) && entries < args.length) throw new Error("there is no upload ID in standard input");
}

/** The very request that would cancel the Upload: the client builds it, and then it isn't sent. */
function requestFor(client: Client, uploadId: string): Promise<Request> {
  return new Promise((resolve, reject) => {
    const fetch = async (request: Request) => {
      resolve(request);
      return Response.error(); // for openapi-fetch, which expects some Response
    };
    client.POST("/uploads/{upload_id}/cancel", { params: { path: { upload_id: uploadId } }, fetch }).catch(reject);
  });
}

await main().catch((error: unknown) => {
  if (error instanceof UsageError || Object(error).syscall) program.error(`error: ${messageOf(error)}`);
  throw error;
});
