import { execFile } from "node:child_process";
import { createRequire } from "node:module";

const bin = createRequire(import.meta.url).resolve("@redocly/cli/bin/cli.js");

/** Runs Redocly CLI to its end, and returns whether it succeeded and what it said, without its boxed notices. */
export function redocly(...args: string[]): Promise<{ readonly ok: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], (error, stdout, stderr) => {
      const output = (stdout + stderr).replaceAll(/^ *[╔║╚].*\n/gm, "").replaceAll(/\n{3,}/g, "\n\n");
      resolve({ ok: error === null, output: output.trim() });
    });
  });
}
