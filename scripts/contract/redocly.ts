import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { relative } from "node:path";

const bin = createRequire(import.meta.url).resolve("@redocly/cli/bin/cli.js");

export interface RedoclyResult {
  readonly ok: boolean;
  readonly stdout: string;
  /** All that it prints, without its boxed notices and the stacks of its errors. */
  readonly output: string;
}

/** Runs Redocly CLI, and waits until it exits. */
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

/** Writes the place of a YAML error, `in "file" (line:column)`, as `file:line:column`, which terminals make a link. */
export function withPlaces(text: string): string {
  return text.replaceAll(/ in "(.+)" \((\d+:\d+)\)/g, (_, file: string, place: string) => {
    return ` at ${relative(".", file)}:${place}`;
  });
}
