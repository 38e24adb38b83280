// Measures what a cancel costs with this package, as users install it, and with its peers. Prints the results, and writes
// them to bench/ as tables, JSON and charts. --quick only checks that the benchmark works, and writes to .bench/.
import { fork } from "node:child_process";
import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { relativeTo, section, takeTurns } from "./measure.js";
import { peers, pools, prepare } from "./peers.js";
import { report } from "./report.js";
import type { Load } from "./runner.js";
import { bundle, cancelMany, importProgram, installed, run, startRunner, typeCheck } from "./turns.js";

const quick = process.argv.includes("--quick");
const rounds = (full: number) => (quick ? 1 : full);

console.log("Setting up …");
await prepare();
const server = fork(new URL("server.ts", import.meta.url));
const [url = ""]: string[] = await once(server, "message");

async function oneCancel(load: Load): Promise<number[][]> {
  const values: number[][] = [];
  // In new processes each time, since how a program is compiled and where its memory lies is partly chance.
  for (let start = 0; start < rounds(5); start += 1) {
    const runners = peers.map((peer) => startRunner(peer, load));
    await takeTurns(runners, rounds(20), run); // to warm up
    values.push(...(await takeTurns(runners, rounds(60), run)));
    for (const runner of runners) runner.disconnect();
  }
  return values;
}

console.log("One cancel …");
const times = {
  "Client work alone": await oneCancel({ inFlight: 1, iterations: 250 }),
  "Loopback, one at a time": await oneCancel({ url, inFlight: 1, iterations: 20 }),
  "Loopback, 50 in flight": await oneCancel({ url, inFlight: 50, iterations: 4 }),
};

console.log("Sizes, imports and type-checks …");
const sizes = {
  "Bundle, gzipped": await takeTurns(peers, 1, async (peer) => gzipSync(await bundle(peer), { level: 9 }).length / 1e3),
  "Bundle, minified": await takeTurns(peers, 1, async (peer) => (await bundle(peer)).length / 1e3),
  Installed: await takeTurns(peers, 1, installed),
};
const imports = { Import: await takeTurns(peers, rounds(31), importProgram) };
const typeChecks = { "Type-check": await takeTurns(peers, rounds(5), typeCheck) };

console.log("Many cancels …");
const uploadIds = Array.from({ length: quick ? 300 : 30_000 }, (_, index) => `upload_${index}`);
const cancels = `${uploadIds.length.toLocaleString("en")} cancels`;
const many = {
  [`${cancels}, 8 in flight`]: await takeTurns(pools, rounds(3), (pool) => cancelMany(pool, url, uploadIds, 8)),
  [`${cancels}, 50 in flight`]: await takeTurns(pools, rounds(3), (pool) => cancelMany(pool, url, uploadIds, 50)),
};
server.disconnect();

const [fetch, openapiFetch, fetchInPool] = [0, 1, 0];
await report(
  quick ? ".bench" : "bench",
  [
    section("One cancel", "times bare fetch", peers, relativeTo(fetch, times)),
    section("Size", "kB", peers, sizes),
    section("Import and type-check", "ms", peers, { ...imports, ...typeChecks }),
    section("Throughput", "times bare fetch in a pool", pools, relativeTo(fetchInPool, many)),
  ],
  [
    section("One cancel", "µs", peers, times),
    section("Import", "times openapi-fetch", peers, relativeTo(openapiFetch, imports)),
    section("Throughput", "cancels a second", pools, many),
  ],
);
