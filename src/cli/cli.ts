#!/usr/bin/env node
import { createInterface } from "node:readline";
import { setFlagsFromString } from "node:v8";
import { Command, InvalidArgumentError, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { cancelUploads } from "../cancel-uploads.js";
import { type Client, createClient } from "../client.js";
import { excerpt } from "../text.js";
import { Report } from "./report.js";
import { Seen } from "./seen.js";

// A run of hours should take little memory; V8 would rather take twice as much than collect it soon.
setFlagsFromString("--optimize-for-size");

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

/** In place of an ID: read them from standard input. */
const STDIN = "-";
/** What IDs are made of, at OpenAI and at gateways. A line with anything else in it holds no ID. */
const ID = /^(?!\.{1,2}$)[\w.~:+/=-]{1,256}$/;

interface Options {
  readonly concurrency: number;
  readonly timeout: number;
  readonly maxRetries: number;
  readonly baseUrl?: string;
  readonly json?: true;
  readonly dryRun?: true;
  readonly verbose?: true;
}

const program: Command = new Command("cancel-upload")
  .description("Cancels OpenAI Uploads. The API key is read from OPENAI_API_KEY.")
  .argument("<upload_id...>", `the Uploads to cancel; ${STDIN} reads IDs from standard input, one a line`)
  .option("-c, --concurrency <number>", "how many cancels are in flight at once", wholeNumber(1), 8)
  .addOption(
    new Option(
      "-t, --timeout <time>",
      "how long an attempt may take: 30s, 500ms, 2m (a bare number is ms); 0 for no limit but Node's own, 5 minutes",
    )
      .argParser(milliseconds)
      .default(30_000, "30s"),
  )
  .option("-r, --max-retries <number>", "how often a failed attempt is tried again", wholeNumber(0), 2)
  .option("--base-url <url>", "where the API is (default: OPENAI_BASE_URL, else https://api.openai.com/v1)")
  .option("--json", "print a JSON object a line: the Upload, or { upload_id, error }")
  .option("--dry-run", "print what would be sent, and send nothing")
  .option("--verbose", "print the stack of each error")
  .version(manifest.version)
  .addHelpText(
    "after",
    `
Exit code: 0 where every Upload was cancelled, 1 where one was not, 2 for a usage error, 130 after Ctrl-C.

Examples:
  cancel-upload upload_abc123 upload_def456
  jq -r .id pending.jsonl | cancel-upload -`,
  )
  .showHelpAfterError("(cancel-upload --help says more)")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE))
  .parse();

const args: readonly string[] = program.args;
const options = program.opts<Options>();
for (const arg of args) {
  if (!ID.test(arg)) program.error(`error: ${JSON.stringify(arg)} is no upload ID, such as upload_abc123`);
}

if (args.indexOf(STDIN) !== args.lastIndexOf(STDIN)) program.error(`error: ${STDIN} can be given only once`);

/** What a dry run would have sent last. */
let planned: Request | undefined;
const client = createClientOrExit();
const report = new Report({
  success: options.dryRun ? "would be sent" : "cancelled",
  total: args.includes(STDIN) ? undefined : new Set(args).size,
  json: options.json ?? false,
  verbose: options.verbose ?? false,
  secret: process.env["OPENAI_API_KEY"]?.trim() ?? "",
});

/** Starts nothing more … */
const stop = new AbortController();
/** … and gives up what was sent. */
const giveUp = new AbortController();

process.on("SIGINT", () => {
  process.exitCode = EXIT_INTERRUPTED;
  const end = () => giveUp.abort(new Error("stopped before it ended; it may have been cancelled"));
  if (stop.signal.aborted) return end();
  stop.abort();
  if (options.timeout > 0) setTimeout(end, options.timeout).unref();
  report.note("Nothing more is started; waiting for what was sent. Ctrl-C again stops at once.");
});
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exitCode = EXIT_FAILURE;
  if (!stop.signal.aborted && error.code !== "EPIPE") report.note(`error: ${error.message}`);
  stop.abort(); // What can't be reported should not be cancelled.
});
// Nobody may be there to read what is for people; the work goes on.
process.stderr.on("error", () => {});

try {
  const concurrency = options.dryRun ? 1 : options.concurrency;
  const results = cancelUploads(client, uploadIds(), { concurrency, signal: giveUp.signal });
  for await (const { uploadId, upload, error } of results) {
    if (upload === undefined) await report.failed(uploadId, error);
    else if (planned !== undefined) await report.planned(uploadId, planned);
    else await report.cancelled(uploadId, upload);
  }
} catch (error) {
  process.exitCode ??= EXIT_FAILURE;
  if (error !== giveUp.signal.reason) report.note(`error: ${error instanceof Error ? error.message : error}`);
}
report.end();
if (report.failures > 0) process.exitCode ??= EXIT_FAILURE;

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const number = /^\d[\d_,]*$/.test(text) ? Number(text.replaceAll(/[_,]/g, "")) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`Expected a whole number, ${least} or more.`);
  };
}

function milliseconds(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?(ms|s|m)?$/.exec(text) ?? [];
  if (number !== undefined) return Math.ceil(Number(number) * (unit === "m" ? 60_000 : unit === "s" ? 1_000 : 1));
  throw new InvalidArgumentError("Expected a time such as 30s, 500ms or 2m (a bare number is ms).");
}

function createClientOrExit(): Client {
  if (!process.env["OPENAI_API_KEY"]?.trim()) program.error("error: there is no API key: set OPENAI_API_KEY");
  const { baseUrl, maxRetries, timeout } = options;
  const plan = async (request: Request) => {
    planned = request;
    const id = decodeURIComponent(new URL(request.url).pathname.split("/").at(-2) ?? "");
    return Response.json({ id, status: "cancelled" });
  };
  try {
    return createClient({ baseUrl, maxRetries, timeout, ...(options.dryRun && { fetch: plan }) });
  } catch (error) {
    program.error(`error: ${error instanceof Error ? asTyped(error.message) : error}`);
  }
}

/** The message of a bad option, with the option's name as it is typed. */
function asTyped(message: string): string {
  const names = { apiKey: "OPENAI_API_KEY", baseUrl: "--base-url", maxRetries: "--max-retries", timeout: "--timeout" };
  return Object.entries(names).reduce((text, [name, typed]) => text.replace(new RegExp(`^${name}`), typed), message);
}

/** The IDs that are given, each once. */
async function* uploadIds(): AsyncGenerator<string, void, undefined> {
  const seen = new Seen();
  for (const arg of args) {
    for await (const { id, where } of arg === STDIN ? idsFromStdin() : [{ id: arg, where: "" }]) {
      if (stop.signal.aborted) return;
      if (seen.add(id)) yield id;
      else report.note(`${where}${id} was given before, and is sent once`);
    }
  }
}

async function* idsFromStdin(): AsyncGenerator<{ id: string; where: string }, void, undefined> {
  const lines = createInterface({ input: process.stdin });
  stop.signal.addEventListener("abort", () => lines.close());
  let number = 0;
  for await (const line of lines) {
    number += 1;
    const id = line.trim();
    if (id === "") continue;
    if (ID.test(id)) yield { id, where: `line ${number}: ` };
    else await report.failed(excerpt(id), new TypeError(`no upload ID but ${JSON.stringify(excerpt(id))}`), number);
  }
}
