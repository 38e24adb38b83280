import { execFile } from "node:child_process";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { exact, type Measure, shuffled, spread } from "./measure.js";
import { type Peer, tsc, workspace } from "./peers.js";

const run = promisify(execFile);

/** The program and all that it imports, for a browser: minified, and that gzipped. */
export async function bundleSizes(peers: readonly Peer[]): Promise<Measure[]> {
  const bundles = await Promise.all(peers.map(bundle));
  const inKb = (size: (code: Uint8Array) => number) => bundles.map((code) => exact(size(code) / 1_000));
  return [
    { id: "bundle", title: "Bundle, gzipped", unit: "kB", values: inKb((code) => gzipSync(code, { level: 9 }).length) },
    { id: "bundle-minified", title: "Bundle, minified", unit: "kB", values: inKb((code) => code.length) },
  ];
}

async function bundle({ folder }: Peer): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, "program.ts")],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`${folder} gave no bundle`);
  return output.contents;
}

/** All files of a production install, or where the client is generated, those that the generator wrote. */
export async function installedSizes(peers: readonly Peer[]): Promise<Measure[]> {
  const sizes = await Promise.all(
    peers.map(
      async ({ folder }) => (await sizeOf(join(folder, "node_modules"))) + (await sizeOf(join(folder, "client"))),
    ),
  );
  return [{ id: "installed", title: "Installed", unit: "kB", values: sizes.map((size) => exact(size / 1_000)) }];
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = entries.filter((entry) => entry.isFile()).map((entry) => stat(join(entry.parentPath, entry.name)));
  return (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
}

/** How long a fresh process takes to import the program, over what it takes to import an empty one. */
export async function importTimes(peers: readonly Peer[], starts: number): Promise<Measure[]> {
  const empty = join(workspace, "empty.mjs");
  await writeFile(empty, "");
  const programs = [empty, ...peers.map(({ folder }) => join(folder, "compiled/program.js"))];
  const [emptyTimes = [], ...times] = await interleaved(programs, starts, importTime);
  const nothing = spread(emptyTimes).median;
  const values = times.map((time) => spread(time.map((ms) => Math.max(ms - nothing, 0))));
  return [{ id: "import", title: "Time to import", unit: "ms", values }];
}

async function importTime(program: string): Promise<number> {
  const code = `const start = performance.now();
    await import(${JSON.stringify(pathToFileURL(program).href)});
    console.log(performance.now() - start);`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", code]);
  return Number(stdout);
}

/** How long `tsc` takes for the program, its own start included. */
export async function typeCheckTimes(peers: readonly Peer[], starts: number): Promise<Measure[]> {
  const times = await interleaved(peers, starts, async ({ folder }) => {
    const start = performance.now();
    await run(process.execPath, [tsc, "--project", folder]);
    return performance.now() - start;
  });
  return [{ id: "type-check", title: "Time to type-check", unit: "ms", values: times.map(spread) }];
}

/** @returns For each item what `measure` gave, each time; the items took turns. */
async function interleaved<T>(
  items: readonly T[],
  times: number,
  measure: (item: T) => Promise<number>,
): Promise<number[][]> {
  const results = items.map((): number[] => []);
  for (let time = 0; time < times; time += 1) {
    for (const [index, item] of shuffled(items.entries())) results[index]?.push(await measure(item));
  }
  return results;
}
