import { availableParallelism, cpus } from "node:os";
import { type Measure, type Spread, show } from "./measure.js";
import type { Peer } from "./peers.js";

/** What one run of the benchmark found, and where. */
export interface Results {
  readonly date: string;
  readonly node: string;
  readonly machine: string;
  readonly peers: readonly Omit<Peer, "folder">[];
  readonly measures: readonly Measure[];
}

export function results(peers: readonly Peer[], measures: readonly Measure[]): Results {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version.slice(1),
    machine: `${cpus()[0]?.model.trim() ?? process.arch}, ${availableParallelism()} cores, ${process.platform}`,
    peers: peers.map(({ folder: _, ...peer }) => peer),
    measures,
  };
}

/** Undefined where it was not measured. */
function valuesOf({ measures }: Results, id: string): readonly Spread[] | undefined {
  return measures.find((measure) => measure.id === id)?.values;
}

/** The tables, as Markdown. */
export function tables(results: Results): string {
  return `Node ${results.node} on ${results.machine}, ${results.date}. Each peer is the newest that runs on Node 20.19.

What one cancel costs, times what it costs with bare \`fetch\`: the median, and between which values the middle half of
the rounds lay.

${table(results, ["client-work", "loopback", "loopback-50"], ({ low, median, high }, unit) => {
  const range = low === high ? "" : ` (${low.toFixed(2)} to ${high.toFixed(2)})`;
  return `${show(median, unit)}${range}`;
})}

The same as time for one cancel, the median:

${table(results, ["client-work-time", "loopback-time", "loopback-50-time"])}

What the client weighs:

${table(results, ["bundle", "bundle-minified", "installed", "import", "type-check"])}
`;
}

function table(
  results: Results,
  ids: readonly string[],
  cell: (value: Spread, unit: Measure["unit"]) => string = ({ median }, unit) => show(median, unit),
): string {
  const columns = results.measures.filter(({ id }) => ids.includes(id));
  const rows = results.peers.map(({ title, version, resilient }, peer) => [
    `${title} ${version}`,
    resilient ? "yes" : "no",
    ...columns.map(({ values, unit }) => {
      const value = values[peer];
      return value === undefined ? "" : cell(value, unit);
    }),
  ]);
  const header = ["", "retries, times out", ...columns.map(({ title }) => title)];
  const rule = header.map((_, column) => (column < 2 ? "---" : "--:"));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** What this package is to reach; a machine that is busy with other things may miss it. */
export function goals(results: Results): string {
  const median = (id: string, name: string) =>
    valuesOf(results, id)?.[results.peers.findIndex((peer) => peer.name === name)]?.median ?? Number.NaN;
  const ours = (id: string) => median(id, "openai-cancel-upload");
  const importRatio = ours("import") / median("import", "openai");

  return [
    goal("client work at most 1.50× bare fetch", ours("client-work"), 1.5),
    goal("loopback at most 1.10× bare fetch", ours("loopback"), 1.1),
    goal("loopback, 50 in flight, at most 1.10× bare fetch", ours("loopback-50"), 1.1),
    goal("time to import at most a fifteenth of openai's", importRatio, 1 / 15),
  ].join("\n");
}

function goal(what: string, value: number, limit: number): string {
  return `${value <= limit ? "Goal met" : "Goal not met"}: ${what} (${value.toFixed(3)})`;
}
