// Compares what one cancel costs with this package, with bare fetch, and with every peer: prints it, and writes it to
// bench/ as tables, figures and a chart. --quick only tries that all of it still works, and writes nothing.
import { writeFile } from "node:fs/promises";
import { chart } from "./chart.js";
import { startLoopback } from "./loopback.js";
import { preparePeers } from "./peers.js";
import { goals, results, tables } from "./report.js";
import { race } from "./timing.js";
import { bundleSizes, importTimes, installedSizes, typeCheckTimes } from "./weight.js";

const quick = process.argv.includes("--quick");
const effort = quick
  ? { starts: 1, rounds: 5, warmUp: 5, imports: 1, typeChecks: 1 }
  : { starts: 5, rounds: 60, warmUp: 20, imports: 21, typeChecks: 5 };

const peers = await preparePeers();
using server = await startLoopback();
const { url } = server;
const found = results(peers, [
  ...(await bundleSizes(peers)),
  ...(await installedSizes(peers)),
  ...(await importTimes(peers, effort.imports)),
  ...(await typeCheckTimes(peers, effort.typeChecks)),
  ...(await race(
    peers,
    [
      { id: "client-work", title: "Client work alone", batch: { calls: 250, inFlight: 1 } },
      { id: "loopback", title: "Loopback, one at a time", batch: { url, calls: 20, inFlight: 1 } },
      { id: "loopback-50", title: "Loopback, 50 in flight", batch: { url, calls: 200, inFlight: 50 } },
    ],
    effort,
  )),
]);

console.log(`${tables(found)}\n${goals(found)}`);
if (!quick) {
  await writeFile("bench/results.json", `${JSON.stringify(found, null, 2)}\n`);
  await writeFile("bench/results.md", `# Results of \`npm run bench\`\n\n${tables(found)}`);
  for (const theme of ["light", "dark"] as const) await writeFile(`bench/chart-${theme}.svg`, chart(found, theme));
}
