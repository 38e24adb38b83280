// Watches the contract. After each save, it lints the contract and updates the types, TypeScript checks the code that uses
// them, and the mock serves the contract.
//   npm run dev [-- port]
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { createInterface } from "node:readline";
import { watch } from "chokidar";
import { contract, endWithNpm, startPrism } from "./prism.js";
import { execute, redocly } from "./redocly.js";

const [port = "4010"] = process.argv.slice(2);
const WATCHED = [".", "openapi", "redocly.yaml"];

const folder = mkdtempSync(join(tmpdir(), "contract-dev-"));
/** The last valid contract, as one file. Prism serves it again when it changes. */
const served = join(folder, "openapi.yaml");

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const typescript = spawn(process.execPath, [tsc, "--watch", "--preserveWatchOutput"], {
  stdio: ["ignore", "inherit", "inherit"],
});

process.once("exit", () => {
  typescript.kill();
  rmSync(folder, { recursive: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(0));
endWithNpm();

function say(text: string): void {
  console.log(`[${new Date().toLocaleTimeString()}] ${text}`);
}

async function update(): Promise<void> {
  const start = performance.now();
  const { ok, output } = await execute("npm", "run", "--silent", "generate");
  if (!ok) return say(`✗ The types and the mock stay as they were. ${output}`);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  say(`✓ ${contract} is valid, and its types are up to date (${seconds} s)`);

  const bundled = await redocly("bundle", contract, "--output", served);
  if (!bundled.ok || isServing) return;
  isServing = true;
  serve().catch(fail);
}

let isServing = false;

/** Keeps the mock running, and reports each time it has loaded the contract. */
async function serve(): Promise<void> {
  for (;;) {
    await using prism = await startPrism(served, "--port", port);
    const ready = `✓ The mock at ${prism.url} serves it`;
    say(ready);
    for await (const line of createInterface(prism.log)) if (line.includes("Prism is listening")) say(ready);
    say("✗ The mock has exited; starting it again");
  }
}

function fail(error: unknown): void {
  say(`✗ ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

/** One update at a time. Each waits a moment for more saves, since editors write a file in several steps. */
let updates = Promise.resolve();
let timer: NodeJS.Timeout | undefined;
function scheduleUpdate(): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    updates = updates.then(update).catch(fail);
  }, 50);
}

say(`Watching ${contract}; press Ctrl-C to stop`);
// From the root, because the folder of the contract can be replaced too.
watch(".", { ignored: (path) => !WATCHED.includes(path.split(sep)[0] ?? "") }).on("all", scheduleUpdate);
