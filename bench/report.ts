import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { draw } from "./chart.js";
import type { Figure, Section } from "./measure.js";

/** Prints the results, and writes them to the folder as tables, as JSON and, the first sections, as charts. */
export async function report(folder: string, charted: readonly Section[], others: readonly Section[]): Promise<void> {
  const machine = `${cpus()[0]?.model.trim() ?? process.arch}, ${availableParallelism()} cores, ${process.platform}`;
  const run = `Node ${process.versions.node} on ${machine}, ${new Date().toISOString().slice(0, 10)}`;
  const sections = [...charted, ...others];
  const markdown = `# Results of \`npm run bench\`

${run}. Each peer is the newest that runs on Node 20.19.

Each figure is the median of all rounds. The range in brackets holds the middle half of them.
${sections.map(table).join("")}`;
  console.log(`\n${markdown}\n${sections.flatMap(facts).join("\n")}`);

  await writeFile(`${folder}/results.md`, markdown);
  await writeFile(`${folder}/results.json`, `${JSON.stringify({ run, sections }, null, 2)}\n`);
  for (const theme of ["light", "dark"] as const) {
    await writeFile(`${folder}/chart-${theme}.svg`, await draw(charted, theme, charted.flatMap(facts).join(" ")));
  }
}

/** A row for each client, a column for each measure. */
function table({ title, unit, measures }: Section): string {
  const header = ["", "retries, times out", ...measures.map(({ name }) => name)];
  const rule = ["---", "---", ...measures.map(() => "--:")];
  const rows = measures[0]?.figures.map(({ name, kind }, client) => [
    name,
    kind === "doesn't retry" ? "no" : "yes",
    ...measures.map(({ figures }) => cell(figures[client])),
  ]);
  const lines = [header, rule, ...(rows ?? [])].map((cells) => `| ${cells.join(" | ")} |\n`);
  return `\n## ${title}, ${unit}\n\n${lines.join("")}`;
}

function cell(figure: Figure | undefined): string {
  const [low, median, high] = [show(figure?.low), show(figure?.median), show(figure?.high)];
  return low === high ? median : `${median} (${low} to ${high})`;
}

function show(value = Number.NaN): string {
  return value.toLocaleString("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
}

/** The results of this package, each beside the best of the peers that retry too. */
function facts({ unit, measures }: Section): string[] {
  return measures.flatMap(({ name: measure, figures }) => {
    const [next] = figures.filter(({ kind }) => kind === "retries").sort((a, b) => a.median - b.median);
    const rival = `the next peer that retries, ${next?.name}: ${show(next?.median)}`;
    const ours = figures.filter(({ kind }) => kind === "ours");
    return ours.map(({ name, median }) => `${measure}, ${name}: ${show(median)} ${unit}; ${rival}.`);
  });
}
