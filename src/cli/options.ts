import { Command, InvalidArgumentError, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { hideKey } from "./key.js";

/** In place of an ID: read them from standard input. */
export const STDIN = "-";

const EXIT_USAGE = 2;

export interface Options {
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
  .option("--json", "print a JSON object a line: { upload_id, ok, upload } or { upload_id, ok, error }")
  .option("--dry-run", "print what would be sent, and send nothing; needs no key")
  .option("--verbose", "print each attempt that failed, and the stack of each error")
  .version(manifest.version)
  .addHelpText(
    "after",
    `
Exit code: 0 if every Upload was cancelled, 1 if one was not, 2 for a usage error, 130 after Ctrl-C (143 after SIGTERM,
129 after SIGHUP). The first Ctrl-C waits for requests in flight, a second stops at once.

Standard input: blank lines and lines that start with # are skipped.

Examples:
  cancel-upload upload_abc123 upload_def456
  jq -r .id pending.jsonl | cancel-upload -

  cancel-upload --json - < ids.txt > results.jsonl
  # again, for all that are not cancelled yet:
  jq -rR 'fromjson? | select(.ok).upload_id' results.jsonl | grep -vxFf - ids.txt | cancel-upload --json - >> results.jsonl`,
  )
  .showHelpAfterError("(cancel-upload --help says more)")
  .configureOutput({ outputError: (text, write) => write(hideKey(text)) }) // It may have been typed by mistake.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE));

/** What was typed. Ends the process if that can't be used, and for `--help`. */
export function readOptions(): { readonly args: readonly string[]; readonly options: Options } {
  program.parse();
  return { args: program.args, options: program.opts<Options>() };
}

/** Ends the process: what was typed, or set in the environment, can't be used. */
export function usageError(sentence: string): never {
  program.error(`error: ${sentence}`);
}

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
