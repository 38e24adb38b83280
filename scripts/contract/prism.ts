import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Where the contract is, or where it starts if it is in several files. */
export const contract = "openapi/openapi.yaml";

const bin = createRequire(import.meta.url).resolve("@stoplight/prism-cli");

/** A Prism of its own process, which ends with the `await using` that holds it, or else with this process. */
export interface Prism extends AsyncDisposable {
  readonly url: string;
  /** Its log, from then on. */
  readonly log: Readable;
  /** Settles once its process has ended. */
  readonly exited: Promise<unknown>;
}

/** Starts `prism <command> <contract>`, on a free port unless the arguments name one, and waits until it listens. */
export async function startPrism(command: "mock" | "proxy", ...args: string[]): Promise<Prism> {
  const port = args.includes("--port") ? [] : ["--port", "0"];
  const child = spawn(process.execPath, [bin, command, ...args, ...port], { stdio: ["ignore", "pipe", "pipe"] });
  const kill = () => child.kill();
  process.once("exit", kill);
  const exited = once(child, "exit");

  const said: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
  for await (const line of createInterface(child.stdout)) {
    said.push(`${line}\n`);
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
  throw new Error(`Prism did not start:\n${said.join("")}`);
}
