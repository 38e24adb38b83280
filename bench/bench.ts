// Measures what a cancel costs with this package, as npm installs it, and with its peers.
//   npm run bench                        writes the results to bench/results.md and overhead.svg
//   npm run bench -- --against old.tgz   compares with another build of this package instead of bare fetch; only prints
//   npm run bench -- --quick             only checks that the benchmark works
import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { cancelling, serve } from "../test/support/server.js";
import { chart } from "./chart.js";
import { setUp } from "./peers.js";
import { compared, medians, shown, table, takeTurns } from "./results.js";
import { bundleSize, cancelMany, importTime, type Load, run, startRunner } from "./turns.js";

const { values } = parseArgs({ options: { quick: { type: "boolean" }, against: { type: "string" } } });
const { quick = false, against } = values;
const rounds = (full: number) => (quick ? 1 : full);
const note = quick ? "With --quick, the numbers mean nothing: it only checks that the benchmark works.\n" : "";

console.log(`${note}Setting up …`);
const { peers, pools } = await setUp(against);
await using server = await serve(cancelling, 0);

async function oneCancel(load: Load): Promise<number[][]> {
  const values: number[][] = [];
  // In new processes each time: how a program is compiled and where its memory lies is partly chance.
  for (let start = 0; start < rounds(5); start += 1) {
    const runners = peers.map((peer) => startRunner(peer, load));
    await takeTurns(runners, rounds(20), run); // to warm up
    values.push(...(await takeTurns(runners, rounds(60), run)));
    for (const runner of runners) runner.disconnect();
  }
  return values;
}

console.log("One cancel …");
const overhead = await oneCancel({ inFlight: 1, times: 250 });
const one = table("One cancel, in µs", peers, {
  "Client overhead": compared(overhead),
  "Loopback, one at a time": compared(await oneCancel({ url: server.url, inFlight: 1, times: 20 })),
  "Loopback, 50 in flight": compared(await oneCancel({ url: server.url, inFlight: 50, times: 2 })),
});

console.log("Bundles and imports …");
const size = table("Bundle and import", peers, {
  "Bundle, in kB gzipped": medians(await takeTurns(peers, 1, bundleSize)).map(shown),
  "Import, in ms": medians(await takeTurns(peers, rounds(31), importTime)).map(shown),
});

console.log("Many cancels …");
const uploadIds = Array.from({ length: quick ? 300 : 10_000 }, (_, index) => `upload_${index}`);
const manyCancels = async (inFlight: number) =>
  compared(await takeTurns(pools, rounds(9), (pool) => cancelMany(pool, server.url, uploadIds, inFlight)));
const many = table(`${uploadIds.length.toLocaleString("en")} cancels, in µs for each`, pools, {
  "8 in flight": await manyCancels(8),
  "50 in flight": await manyCancels(50),
});

const machine = `${cpus()[0]?.model.trim() ?? process.arch}, ${availableParallelism()} cores, ${process.platform}`;
const results = `# Results of \`npm run bench\`

Node ${process.versions.node} on ${machine}, ${new Date().toISOString().slice(0, 10)}. Each peer is the newest that runs on this Node.

Lower is better. Each figure is the median of all rounds. After it, × compares the client with the first row, round by
round: the median, and the range that holds the middle half.
${one}${size}${many}`;
console.log(`\n${results}\n${note}`);
const costs = medians(overhead);
const bars = peers.map((peer, index) => ({ ...peer, value: costs[index] ?? Number.NaN }));
const drawing = chart("One cancel without the network: lower is better", "µs", bars);
if (!quick && against === undefined) {
  await writeFile("bench/results.md", results);
  await writeFile("bench/overhead.svg", drawing);
}
