import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { relative } from "node:path";

const bin = createRequire(import.meta.url).resolve("@redocly/cli/bin/cli.js");

export interface Result {
  readonly ok: boolean;
  readonly stdout: string;
  /** All that it prints, as a reader needs it. */
  readonly output: string;
}

/** What a script prints, and the code it exits with. */
export interface Outcome {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs Redocly CLI and waits until it exits. */
export function redocly(...args: readonly string[]): Promise<Result> {
  return execute(process.execPath, bin, ...args);
}

/** Runs a program that reads the contract and waits until it exits. */
export function execute(command: string, ...args: readonly string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: Number.POSITIVE_INFINITY }, (error, stdout, stderr) => {
      resolve({ ok: error === null, stdout, output: readable(stdout + stderr) });
    });
  });
}

/** The output without boxed notices and stacks, and with places as `file:line:column`, which terminals make a link. */
function readable(output: string): string {
  if (output.includes("Document must be JSON object")) {
    return 'The contract describes no API. Write one, or restore it with "git restore openapi".';
  }
  if (output.includes("expected a single document")) {
    return 'The contract has more than one YAML document. Keep one, and remove the "---" line between them.';
  }
  const [, missing] = /no such file or directory.* '(.+)'/.exec(output) ?? [];
  if (missing) return `${relative(".", missing)} does not exist.`;
  return output
    .replaceAll(/ in "(.+)" \((\d+:\d+)\)/g, (_, file: string, place: string) => ` at ${relative(".", file)}:${place}`)
    .replaceAll(/^( *[╔║╚]| {4}at |bundling |An unexpected error occurred).*\n/gm, "")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}

/** Runs a script that was started, not imported: prints its output, or why it failed, and exits with its code. */
export async function runScript(file: string, run: (args: readonly string[]) => Promise<Outcome>): Promise<void> {
  if (file !== process.argv[1]) return;
  try {
    const { exitCode, output } = await run(process.argv.slice(2));
    console.log(output);
    process.exitCode = exitCode;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}
