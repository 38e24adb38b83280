import { Command, InvalidArgumentError, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { type Client, createClient } from "../client.js";
import { hideKey, key } from "./key.js";
import { messageOf } from "./problems.js";

export const EXIT_USAGE = 2;
/** In place of an ID: read IDs from standard input. */
export const STDIN = "-";

export type Options = Readonly<
  Record<"concurrency" | "maxRetries" | "timeout" | "maxWait", number> &
    Partial<Record<"resume" | "baseUrl", string> & Record<"json" | "dryRun" | "verbose", true>>
>;

/** Parses the command line. Ends the process if that is unusable, and after `--help`. */
export const program: Command = new Command("cancel-upload")
  .description("Cancels OpenAI Uploads.")
  .argument(
    "<upload_id...>",
    `IDs of the Uploads to cancel; ${STDIN} reads IDs from standard input, one per line; blank lines and # comments are ignored`,
  )
  .option("-c, --concurrency <number>", "how many requests may be in flight at once", wholeNumber(1), 8)
  .option("-r, --max-retries <number>", "how many times to retry a failed attempt", wholeNumber(0), 2)
  .addOption(timeOption("-t, --timeout <time>", "limit for one attempt: 30s, 500ms, 2m; 0 for no limit", "30s"))
  .addOption(timeOption("-w, --max-wait <time>", "how long to keep trying while the API is unavailable", "120s"))
  .option("--resume <file>", "append each result to this file, and skip the IDs it lists as cancelled")
  .option("--base-url <url>", "base URL of the API (default: https://api.openai.com/v1)")
  .option("--json", "print one JSON object per line: { upload_id, ok, upload } or { upload_id, ok, error }")
  .option("--dry-run", "print the requests without sending them; needs no API key")
  .option("--verbose", "print every failed attempt, and the stack of every error")
  .version(manifest.version)
  .configureHelp({ helpWidth: 80 })
  .addHelpText(
    "after",
    `
Environment:
  OPENAI_API_KEY                     the API key
  OPENAI_BASE_URL                    base URL, unless --base-url is given
  OPENAI_ORG_ID, OPENAI_PROJECT_ID   sent with each request
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY  proxies, and hosts that need none
  NODE_EXTRA_CA_CERTS                PEM file with extra CA certificates

Exit code: 0 if every Upload was cancelled, 1 if one wasn't, 2 for a usage
error, 130 after Ctrl-C (143 after SIGTERM, 129 after SIGHUP). The first Ctrl-C
waits for requests in flight; the second stops immediately.

Examples:
  cancel-upload upload_abc123 upload_def456
  jq -r .id pending.jsonl | cancel-upload -
  cancel-upload --resume results.jsonl - < ids.txt    # rerun to resume`,
  )
  .showHelpAfterError("(see cancel-upload --help)")
  .configureOutput({ outputError: (text, write) => write(hideKey(text)) }) // the key may have been typed by mistake
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE));

/** The command line, the environment or standard input is unusable. */
export class UsageError extends Error {}

export function createClientFor({ baseUrl, maxRetries, timeout, maxWait, dryRun }: Options): Client {
  if (key === "" && !dryRun) throw new UsageError("there is no API key: set OPENAI_API_KEY");
  try {
    return createClient({ baseUrl, maxRetries, timeout, maxWait, ...(key === "" && { apiKey: "none" }) });
  } catch (error) {
    // Its message begins with the name of an option, such as maxWait, or of a variable.
    const asTyped = (name: string) => `--${name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new UsageError(messageOf(error).replace(/^[a-z]\w*/, asTyped));
  }
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const number = /^\d[\d_,]*$/.test(text) ? Number(text.replaceAll(/[_,]/g, "")) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`Expected a whole number, ${least} or more.`);
  };
}

function timeOption(flags: string, description: string, byDefault: string): Option {
  return new Option(flags, description).argParser(milliseconds).default(milliseconds(byDefault), byDefault);
}

function milliseconds(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?(ms|s|m)?$/.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError("Expected a time, such as 30s, 500ms or 2m.");
  if (unit !== undefined || Number(number) === 0) {
    return Math.ceil(Number(number) * (unit === "m" ? 60_000 : unit === "s" ? 1_000 : 1));
  }
  throw new InvalidArgumentError(`Add a unit: ${number}s for seconds, or ${number}ms for milliseconds.`);
}
