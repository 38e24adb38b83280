import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { relative } from "node:path";

const bin = createRequire(import.meta.url).resolve("@redocly/cli/bin/cli.js");

export interface RedoclyResult {
  readonly ok: boolean;
  readonly stdout: string;
  /** All that it says, without its boxed notices and the stack of an error. */
  readonly output: string;
}

/** Runs Redocly CLI to its end. */
export function redocly(...args: readonly string[]): Promise<RedoclyResult> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { maxBuffer: Number.POSITIVE_INFINITY }, (error, stdout, stderr) => {
      const output = withPlaces(stdout + stderr)
        .replaceAll(/^ *[╔║╚].*\n/gm, "")
        .replaceAll(/^ {4}at .*\n/gm, "")
        .replaceAll(/^An unexpected error occurred.*\n/gm, "")
        .replaceAll(/\n{3,}/g, "\n\n");
      resolve({ ok: error === null, stdout, output: output.trim() });
    });
  });
}

/** What is no YAML gets its place in a form of its own, of which no terminal makes a link; here it is a file:line:column. */
export function withPlaces(text: string): string {
  return text.replaceAll(/ in "(.+)" \((\d+:\d+)\)/g, (_, file: string, place: string) => {
    return ` at ${relative(".", file)}:${place}`;
  });
}
