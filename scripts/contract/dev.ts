// Watches the contract. Each save lints it, writes its types, type-checks what uses them, and has the mock serve it.
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

/** The last contract without an error, as one file. Prism watches it, and ends at a contract that it can't read. */
const served = join(folder, "openapi.yaml");
const next = join(folder, "next.yaml");
let prism: Prism | undefined;

/** Has the mock serve the contract. */
async function serve(): Promise<void> {
  const [text, former] = await Promise.all([readFile(next, "utf8"), readFile(served, "utf8").catch(() => undefined)]);
  if (prism && text === former) return;
  const reloaded = prism && listens(prism);
  await writeFile(served, text);
  if (await reloaded) return;
  prism = undefined;
  await start();
}

async function start(): Promise<Prism> {
  const started = await startPrism("mock", served, "--port", port);
  prism = started;
  started.exited.then(() => {
    if (prism !== started) return;
    prism = undefined;
    say("✗ The mock has died; it starts again");
    updates = updates.then(revive).catch(fail);
  });
  return started;
}

async function revive(): Promise<void> {
  if (prism) return;
  const { url } = await start();
  say(`✓ ${url} serves ${contract} again`);
}

/** Whether Prism listens again; false if it ends. */
async function listens({ log }: Prism): Promise<boolean> {
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
let checked = reportSources;

/** TypeScript's own watch, which checks again what the change of a file touches; the first check is done on return. */
function watchTypes(): void {
  const host = ts.createWatchCompilerHost(
    "tsconfig.json",
    {},
    ts.sys,
    ts.createSemanticDiagnosticsBuilderProgram,
    (error) => errors.push(error),
    (_status, _newLine, _options, count) => {
      if (count === undefined) errors = [];
      else checked();
    },
  );
  ts.createWatchProgram(host);
}

function nextCheck(): Promise<void> {
  return new Promise((done) => {
    checked = () => {
      checked = reportSources;
      done();
    };
  });
}

/** For a check that no change of the contract asked for. */
function reportSources(): void {
  report("Types check");
}

function report(well: string): void {
  const shown = ts.formatDiagnosticsWithColorAndContext(errors, {
    getCurrentDirectory: ts.sys.getCurrentDirectory,
    getCanonicalFileName: (file) => file,
    getNewLine: () => "\n",
  });
  say(errors.length === 0 ? `✓ ${well}` : `✗ Types don't check\n${shown}`);
}

/** Writes the types, if they are others now, and waits until TypeScript has looked at them. */
async function generate(): Promise<void> {
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
    say(`✗ ${contract} is broken; its types and the mock stay as they were\n${output}`);
    return;
  }
  await Promise.all([serve(), generate()]);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  report(`${contract} is sound, its types check, ${prism?.url} serves it (${seconds} s)`);
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const taken = message.includes("EADDRINUSE");
  say(`✗ ${taken ? `Port ${port} is taken: end what listens there, or name another: npm run dev -- 4011` : message}`);
  if (taken) process.exit(1);
}

/** One update at a time, of all that is saved within a moment: editors write a file in more than one step. */
let updates = Promise.resolve();
let timer: NodeJS.Timeout | undefined;
function saved(): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    updates = updates.then(update).catch(fail);
  }, 50);
}

say(`Watching ${contract}; Ctrl-C ends it`);
watchTypes();
// Folders, since editors that save by renaming leave a watched file behind.
watch(dirname(contract), { recursive: true }, saved);
watch(".", (_event, file) => file === "redocly.yaml" && saved());
saved();
