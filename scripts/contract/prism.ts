import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Where the contract is; if it is split into several files, the main one. */
export const contract = "openapi/openapi.yaml";

const bin = createRequire(import.meta.url).resolve("@stoplight/prism-cli");

/** Prism in a process of its own, which ends with the `await using` that holds it, at the latest with this process. */
export interface Prism extends AsyncDisposable {
  readonly url: string;
  /** What it logs once it listens. */
  readonly log: Readable;
  /** Settles when its process has exited. */
  readonly exited: Promise<unknown>;
}

/** Runs `prism mock` with these arguments, on a free port unless they name one, and waits until it listens. */
export async function startPrism(...args: string[]): Promise<Prism> {
  const port = args.includes("--port") ? [] : ["--port", "0"];
  const child = spawn(process.execPath, [bin, "mock", ...args, ...port], { stdio: ["ignore", "pipe", "pipe"] });
  const kill = () => child.kill();
  process.once("exit", kill);
  const exited = once(child, "exit");

  const output: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => output.push(text));
  for await (const line of createInterface(child.stdout)) {
    output.push(`${line}\n`);
    const url = /Prism is listening on (\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stdout.resume();
    return {
      url,
      log: child.stdout,
      exited,
      async [Symbol.asyncDispose]() {
        process.off("exit", kill);
        kill();
        await exited;
      },
    };
  }
  process.off("exit", kill);
  throw new Error(`Prism did not start:\n${output.join("")}`);
}
