import { type Measure, type Spread, show } from "./measure.js";
import type { Results } from "./report.js";

/** As wide as GitHub shows a README. */
const WIDTH = 830;
const MARGIN = 16;
const LABELS = 208;
const GAP = 18;
const ROW = 22;
const BAR = 11;
/** Room for a value at the end of the longest bar. */
const VALUE = 50;

const FONT = `-apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif`;

/** GitHub's own backgrounds, and colours with a contrast of at least 4.5 (text) or 3 (bars) to them. */
const THEMES = {
  light: { page: "#ffffff", text: "#1f2328", muted: "#59636e", rule: "#d1d9e0", ours: "#0969da", other: "#818b98" },
  dark: { page: "#0d1117", text: "#f0f6fc", muted: "#9198a1", rule: "#3d444d", ours: "#58a6ff", other: "#7d8590" },
} as const;

export type Theme = keyof typeof THEMES;

/** Two rows of panels, one for each measure; in each a bar for each peer. */
const PANELS = [
  ["client-work", "loopback", "loopback-50"],
  ["bundle", "installed", "import", "type-check"],
];

interface Drawing {
  readonly results: Results;
  readonly colours: (typeof THEMES)[Theme];
}

export function chart(results: Results, theme: Theme): string {
  const drawing = { results, colours: THEMES[theme] };
  const { page, text: ink, muted } = drawing.colours;
  const top = 66;
  const rowsOf = (y: number, index: number) => panelRow(drawing, PANELS[index] ?? [], y);
  const panelHeight = 24 + layout(results).height;
  const second = top + panelHeight + 30;
  const height = second + panelHeight + 40;
  const footer = `Node ${results.node} · ${results.machine} · ${results.date} · shorter is better`;

  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title description" font-family='${FONT}' font-size="12">
<title id="title">What one cancel costs, by client</title>
<desc id="description">${escaped(described(results))}</desc>
<rect width="${WIDTH}" height="${height}" rx="6" fill="${page}"/>
${text(MARGIN, 28, "What one cancel costs", `fill="${ink}" font-size="16" font-weight="600"`)}
${text(MARGIN, 47, "Above: its time, as times that of bare fetch. Below: the client's weight. A thin line spans the middle half of all rounds.", `fill="${muted}"`)}
${rowsOf(top, 0)}
${rowsOf(second, 1)}
${text(MARGIN, height - 14, footer, `fill="${muted}" font-size="11"`)}
</svg>
`;
}

function panelRow(drawing: Drawing, ids: readonly string[], y: number): string {
  const measures = ids.flatMap((id) => drawing.results.measures.find((measure) => measure.id === id) ?? []);
  const left = MARGIN + LABELS;
  const width = (WIDTH - MARGIN - left - GAP * (measures.length - 1)) / measures.length;
  return [
    labels(drawing, y + 24),
    ...measures.map((measure, index) => panel(drawing, measure, left + index * (width + GAP), y, width)),
  ].join("\n");
}

function labels({ results, colours }: Drawing, y: number): string {
  const { rows, headings } = layout(results);
  return [
    ...headings.map(({ title, top }) =>
      text(MARGIN, y + top + 13, title, `fill="${colours.muted}" font-size="11" font-style="italic"`),
    ),
    ...rows.map((top, index) => {
      const peer = results.peers[index];
      if (peer === undefined) return "";
      const style = isOurs(peer) ? `fill="${colours.ours}" font-weight="600"` : `fill="${colours.text}"`;
      const version = ` <tspan fill="${colours.muted}" font-size="10.5" font-weight="400">${escaped(peer.version)}</tspan>`;
      return `<text x="${MARGIN}" y="${y + top + 15}" ${style}>${escaped(peer.title)}${version}</text>`;
    }),
  ].join("\n");
}

function panel(drawing: Drawing, { title, unit, values }: Measure, x: number, y: number, width: number): string {
  const { results, colours } = drawing;
  const { rows, height } = layout(results);
  const longest = Math.max(...values.map(({ high }) => high));
  const scale = (value: number) => round((value / longest) * (width - VALUE));
  const top = y + 24;
  const bars = rows.map((row, index) => {
    const [peer, value] = [results.peers[index], values[index]];
    return peer && value ? bar(drawing, peer, value, unit, x, top + row, scale) : "";
  });
  const axis = unit === "×" ? x + scale(1) : x;
  return [
    text(x, y + 14, title, `fill="${colours.text}" font-weight="600"`),
    `<path d="M${round(x)} ${top}v${height}" stroke="${colours.rule}"/>`,
    ...bars,
    unit === "×" ? `<path d="M${round(axis)} ${top}v${height}" stroke="${colours.muted}" stroke-dasharray="2 3"/>` : "",
  ].join("\n");
}

function bar(
  { colours }: Drawing,
  peer: Results["peers"][number],
  { low, median, high }: Spread,
  unit: Measure["unit"],
  x: number,
  y: number,
  scale: (value: number) => number,
): string {
  const ours = isOurs(peer);
  const colour = ours ? colours.ours : colours.other;
  const top = y + (ROW - BAR) / 2;
  // Hollow where there are no retries: less work is done there.
  const fill = peer.resilient ? `fill="${colour}"` : `fill="${colour}" fill-opacity="0.25" stroke="${colour}"`;
  const middle = y + ROW / 2;
  const line = `M${round(x + scale(low))} ${middle}H${round(x + scale(high))}`;
  const end = x + scale(Math.max(median, high)) + 6;
  return [
    `<rect x="${round(x)}" y="${top}" width="${Math.max(scale(median), 1)}" height="${BAR}" rx="1.5" ${fill}/>`,
    low === high
      ? ""
      : `<path d="${line}" stroke="${colours.page}" stroke-width="4"/>` +
        `<path d="${line}" stroke="${colours.text}" stroke-width="1.5"/>`,
    text(
      end,
      middle + 4,
      show(median, unit),
      `fill="${ours ? colours.ours : colours.text}" font-size="11"${ours ? ' font-weight="600"' : ""}`,
    ),
  ].join("");
}

/** Where each peer's row is, under a heading for those that retry and one for those that don't. */
function layout({ peers }: Results): { rows: number[]; headings: { title: string; top: number }[]; height: number } {
  const rows: number[] = [];
  const headings: { title: string; top: number }[] = [];
  let top = 0;
  for (const [index, { resilient }] of peers.entries()) {
    if (resilient !== peers[index - 1]?.resilient) {
      headings.push({ title: resilient ? "retries, and times out" : "neither retries nor times out", top });
      top += 18;
    }
    rows.push(top);
    top += ROW;
  }
  return { rows, headings, height: top };
}

/** The chart in words, for who can't see it. */
function described({ peers, measures }: Results): string {
  const charted = measures.filter(({ id }) => PANELS.flat().includes(id));
  const lines = charted.map(({ title, unit, values }) => {
    const all = peers.map((peer, index) => `${peer.title} ${show(values[index]?.median ?? Number.NaN, unit)}`);
    return `${title}: ${all.join(", ")}.`;
  });
  return lines.join(" ");
}

function isOurs({ name }: Results["peers"][number]): boolean {
  return name === "openai-cancel-upload";
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
