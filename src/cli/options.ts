import { Command, InvalidArgumentError, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { type Client, createClient } from "../client.js";
import { visible } from "../text.js";
import { messageOf } from "./explain.js";
import { hideTypedKeys } from "./key.js";
import type { Context } from "./main.js";

/** In place of an ID: read IDs from standard input. */
export const STDIN = "-";
/** Options of the library, and the variables that they come from. */
const LIBRARY_OPTIONS = ["apiKey", "baseUrl", "organization", "project"];
const VARIABLES = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"];
/** The second line of a usage error. */
export const SEE_HELP = "(see cancel-upload --help)";

type Limits = Record<"concurrency" | "maxRetries" | "timeout" | "maxWait", number>;
type Choices = Partial<Record<"resume" | "baseUrl", string> & Record<"json" | "dryRun" | "verbose", true>>;
export type Options = Readonly<Limits & Choices>;

/** The end of --help. */
const HELP = `
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
  cancel-upload --resume results.jsonl - < ids.txt    # rerun to resume`;

/** What parses the command line. After printing why that is unusable, or after `--help`, it throws a CommanderError. */
export function createProgram({ key, process: { stdout, stderr } }: Pick<Context, "key" | "process">): Command {
  return new Command("cancel-upload")
    .description("Cancels OpenAI Uploads.")
    .argument("<upload_id...>", "IDs to cancel; - reads them from standard input, one per line, ignoring # comments")
    .option("-c, --concurrency <number>", "how many requests may be in flight at once", wholeNumber(1), 8)
    .option("-r, --max-retries <number>", "how many times to retry a failed attempt", wholeNumber(0), 2)
    .addOption(timeOption("-t, --timeout <time>", "limit for one attempt: 30s, 500ms, 2m; 0 for no limit", "30s"))
    .addOption(timeOption("-w, --max-wait <time>", "how long to keep trying while the API is unavailable", "120s"))
    .option("--resume <file>", "append each result to this file, and skip the IDs it lists as cancelled")
    .option("--base-url <url>", "base URL of the API (default: https://api.openai.com/v1)")
    .option("--json", "print a JSON object per line: { upload_id, ok, request_id, upload } or { upload_id, ok, error }")
    .option("--dry-run", "print the requests without sending them; needs no API key")
    .option("--verbose", "print every failed attempt, and the stack of every error")
    .version(manifest.version)
    .configureHelp({ helpWidth: 80 })
    .addHelpText("after", HELP)
    .showHelpAfterError(SEE_HELP)
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(visible(hideTypedKeys(text, key))), // the key may have been typed by mistake
    })
    .exitOverride();
}

/** The command line, the environment or standard input is unusable. */
export class UsageError extends Error {}

/** The client that the options and the environment ask for. */
export function createClientFor({ key, options, process: { env } }: Context): Client {
  const { baseUrl, dryRun, maxRetries, timeout, maxWait } = options;
  if (key === "" && !dryRun) throw new UsageError("there is no API key: set OPENAI_API_KEY");
  const [, defaultUrl, organization, project] = VARIABLES.map((name) => env[name]?.trim() || undefined);
  const identity = { apiKey: key || "none", organization, project, baseUrl: baseUrl ?? defaultUrl };
  try {
    const client = createClient({ ...identity, maxRetries, timeout, maxWait });
    if (dryRun) client.use({ onRequest: pretend });
    return client;
  } catch (error) {
    // Its message begins with the name of an option of the library, such as maxWait.
    const [name = ""] = /^\w+/.exec(messageOf(error)) ?? [];
    const flag = `--${name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`;
    const variable = name === "baseUrl" && baseUrl !== undefined ? flag : VARIABLES[LIBRARY_OPTIONS.indexOf(name)];
    throw new UsageError(messageOf(error).replace(name, variable ?? flag));
  }
}

/** In place of the API in a dry run: answers that the Upload is cancelled, and repeats the request. */
function pretend({ request: { method, url, headers } }: { readonly request: Request }): Response {
  const id = decodeURIComponent(new URL(url).pathname.split("/").at(-2) ?? "");
  const shown = { ...Object.fromEntries(headers), authorization: "Bearer ***" };
  return Response.json({ id, status: "cancelled", request: [method, url, shown] });
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
  const factor = unit === "m" ? 60_000 : unit === "s" ? 1_000 : 1;
  if (unit !== undefined || Number(number) === 0) return Math.ceil(Number(number) * factor);
  throw new InvalidArgumentError(`Add a unit: ${number}s for seconds, or ${number}ms for milliseconds.`);
}
