// Serves the contract with Prism.
//   npm run mock [-- port]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { redocly, runScript } from "./redocly.js";

/** Where the contract is; if it is split into several files, the main one. */
export const contract = "openapi/openapi.yaml";

const bin = createRequire(import.meta.url).resolve("@stoplight/prism-cli");

/** Ends this process with npm, which passes a signal on to its shell, but the shell exits without passing it on. */
export function endWithNpm(): void {
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 100).unref();
}

/** Prism in its own process, which ends with the `await using` that holds it, or at the latest with this process. */
export interface Prism extends AsyncDisposable {
  readonly url: string;
  /** What Prism logs from then on. */
  readonly log: Readable;
}

/** Runs `prism mock` with this contract and these arguments, on a free port unless they name one, and waits until it listens. */
export async function startPrism(file: string, ...args: string[]): Promise<Prism> {
  const port = args.includes("--port") ? [] : ["--port", "0"];
  const child = spawn(process.execPath, [bin, "mock", file, ...args, ...port], { stdio: ["ignore", "pipe", "pipe"] });
  const kill = () => child.kill();
  process.once("exit", kill);
  const exited = once(child, "exit");

  let printed = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (printed += text));
  for await (const line of createInterface(child.stdout)) {
    printed += `${line}\n`;
    const url = /Prism is listening on (\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stdout.resume();
    return {
      url,
      log: child.stdout,
      async [Symbol.asyncDispose]() {
        process.off("exit", kill);
        kill();
        await exited;
      },
    };
  }
  process.off("exit", kill);
  const [, usedPort] = /EADDRINUSE.*:(\d+)/.exec(printed) ?? [];
  const advice = 'stop the program that uses it, or choose another port, as in "npm run mock -- 4011"';
  if (usedPort) throw new Error(`Port ${usedPort} is in use: ${advice}.`);
  // Of a broken contract, Prism prints its own usage and a stack.
  const { ok, output } = await redocly("bundle", file);
  throw new Error(ok ? `Prism did not start:\n${printed}` : output);
}

await runScript(import.meta.filename, async ([port = "4010"]) => {
  endWithNpm();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit()); // stops Prism
  const { url, log } = await startPrism(contract, "--port", port);
  log.pipe(process.stdout);
  return { exitCode: 0, output: `The mock answers at ${url}; press Ctrl-C to stop it` };
});
