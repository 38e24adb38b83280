// Watches the contract. On each save, it lints the contract, updates the types, type-checks the code that uses them, and
// serves the new contract from the mock.
//   npm run dev [-- port]
import { mkdtempSync, rmSync, watch } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import ts from "typescript";
import { generateTypes, TYPES } from "./generate.js";
import { contract, type Prism, startPrism } from "./prism.js";
import { redocly } from "./redocly.js";

const [port = "4010"] = process.argv.slice(2);

const folder = mkdtempSync(join(tmpdir(), "contract-dev-"));
process.once("exit", () => rmSync(folder, { recursive: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(0));

function say(text: string): void {
  const line = `${new Date().toLocaleTimeString()} ${text}`;
  console.log(process.stdout.isTTY ? line : stripVTControlCharacters(line));
}

/** The last contract without an error, as one file. Prism watches it, and exits if it can't read it. */
const served = join(folder, "openapi.yaml");
const next = join(folder, "next.yaml");
let prism: Prism | undefined;

async function serveNext(): Promise<void> {
  const [text, current] = await Promise.all([readFile(next, "utf8"), readFile(served, "utf8").catch(() => undefined)]);
  if (prism && text === current) return;
  const reloaded = prism && listensAgain(prism);
  await writeFile(served, text);
  if (await reloaded) return;
  prism = undefined;
  await start();
}

async function start(): Promise<Prism> {
  const started = await startPrism(served, "--port", port);
  prism = started;
  started.exited.then(() => {
    if (prism !== started) return;
    prism = undefined;
    say("✗ The mock has exited; starting it again");
    updates = updates.then(restart).catch(fail);
  });
  return started;
}

async function restart(): Promise<void> {
  if (prism) return;
  const { url } = await start();
  say(`✓ ${contract} is served at ${url} again`);
}

/** Whether Prism has loaded the new contract; false if it exits instead. */
async function listensAgain({ log }: Prism): Promise<boolean> {
  const lines = createInterface(log);
  let listening = false;
  for await (const line of lines) {
    listening = line.includes("Prism is listening");
    if (listening) break;
  }
  lines.close();
  log.resume();
  return listening;
}

let errors: ts.Diagnostic[] = [];
/** Called after each check. */
let onChecked = reportSources;

/** Starts TypeScript's own watch, which checks only what a change affects. The first check is done when this returns. */
function watchTypes(): void {
  const host = ts.createWatchCompilerHost(
    "tsconfig.json",
    {},
    ts.sys,
    ts.createSemanticDiagnosticsBuilderProgram,
    (error) => errors.push(error),
    (_status, _newLine, _options, count) => {
      if (count === undefined) errors = [];
      else onChecked();
    },
  );
  ts.createWatchProgram(host);
}

function nextCheck(): Promise<void> {
  return new Promise((done) => {
    onChecked = () => {
      onChecked = reportSources;
      done();
    };
  });
}

/** Reports a check that was caused by a change of the code, not of the contract. */
function reportSources(): void {
  report("No type errors");
}

function report(success: string): void {
  const diagnostics = ts.formatDiagnosticsWithColorAndContext(errors, {
    getCurrentDirectory: ts.sys.getCurrentDirectory,
    getCanonicalFileName: (file) => file,
    getNewLine: () => "\n",
  });
  say(errors.length === 0 ? `✓ ${success}` : `✗ Type errors\n${diagnostics}`);
}

/** Updates the types if they have changed, and waits until TypeScript has checked them. */
async function updateTypes(): Promise<void> {
  const types = await generateTypes();
  if (types === (await readFile(TYPES, "utf8").catch(() => undefined))) return;
  const check = nextCheck();
  await writeFile(TYPES, types);
  await check;
}

async function update(): Promise<void> {
  const start = performance.now();
  const [{ ok, output }] = await Promise.all([redocly("lint"), redocly("bundle", contract, "--output", next)]);
  if (!ok) {
    say(`✗ ${contract} has errors; the types and the mock stay as they were\n${output}`);
    return;
  }
  await Promise.all([serveNext(), updateTypes()]);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  report(`${contract} is valid, no type errors, served at ${prism?.url} (${seconds} s)`);
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const isPortInUse = message.includes("EADDRINUSE");
  say(`✗ ${isPortInUse ? `Port ${port} is in use. Free it, or choose another: npm run dev -- 4011` : message}`);
  if (isPortInUse) process.exit(1);
}

/** One update at a time. It waits a moment for more saves, since editors write a file in several steps. */
let updates = Promise.resolve();
let timer: NodeJS.Timeout | undefined;
function scheduleUpdate(): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    updates = updates.then(update).catch(fail);
  }, 50);
}

say(`Watching ${contract}; press Ctrl-C to stop`);
watchTypes();
// Folders, since an editor that saves by renaming replaces the file that would be watched.
watch(dirname(contract), { recursive: true }, scheduleUpdate);
watch(".", (_event, file) => file === "redocly.yaml" && scheduleUpdate());
scheduleUpdate();
