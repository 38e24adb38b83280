// Watches the contract. Each save lints it, writes its types, type-checks what uses them, and has the mock serve it.
//   npm run dev [-- port]
import { mkdtempSync, rmSync, watch } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import ts from "typescript";
import { contract, type Prism, startPrism } from "./prism.js";
import { redocly } from "./redocly.js";

const [port = "4010"] = process.argv.slice(2);
const TYPES = "generated/openapi.d.ts";

/** As a process it would take the better part of the second. Its own types lack those of libraries, so don't compile. */
const openapiTypescript: {
  default(contract: URL): Promise<ts.Node[]>;
  astToString(types: ts.Node[]): string;
  COMMENT_HEADER: string;
} = createRequire(import.meta.url)("openapi-typescript");

/** Writes the types, where they are others now, and waits until TypeScript has looked at them. */
async function generate(): Promise<void> {
  const { default: typesOf, astToString, COMMENT_HEADER } = openapiTypescript;
  const types = COMMENT_HEADER + astToString(await typesOf(pathToFileURL(contract)));
  if (types === (await readFile(TYPES, "utf8").catch(() => undefined))) return;
  const check = nextCheck();
  await writeFile(TYPES, types);
  await check;
}

const folder = mkdtempSync(join(tmpdir(), "contract-dev-"));
process.once("exit", () => rmSync(folder, { recursive: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(0));

function say(text: string): void {
  const line = `${new Date().toLocaleTimeString()} ${text}`;
  console.log(process.stdout.isTTY ? line : stripVTControlCharacters(line));
}

/** The last contract without an error. Prism watches this copy, since it ends at a contract that it can't read. */
const served = join(folder, "openapi.yaml");
let prism: Prism | undefined;

async function serve(text: string): Promise<void> {
  if (prism && text === (await readFile(served, "utf8"))) return;
  const reloaded = prism && listens(prism);
  await writeFile(served, text);
  if (await reloaded) return;
  prism = await startPrism("mock", served, "--port", port);
}

/** Whether Prism listens again; false where it ends. */
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

async function update(): Promise<void> {
  const start = performance.now();
  const { ok, output } = await redocly("lint");
  if (!ok) {
    // Of what is no YAML, Redocly gives the place in another form.
    const problems = output.replace(/ in ".+" \((\d+:\d+)\)/, ` at ${contract}:$1`);
    say(`✗ ${contract} is broken; its types and the mock stay as they were\n${problems}`);
    return;
  }
  const text = await readFile(contract, "utf8");
  await Promise.all([serve(text), generate()]);
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
watch(dirname(contract), saved);
watch(".", (_event, file) => file === "redocly.yaml" && saved());
saved();
