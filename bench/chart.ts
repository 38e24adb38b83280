import type { Section } from "./measure.js";
import { shell } from "./peers.js";

/** No development dependencies, since they need some seventy packages. */
const VEGA_LITE = "npx --yes --package=vega@6.4.0 --package=vega-lite@6.4.3 vl2svg";

/** GitHub's backgrounds, and colours with enough contrast to them: at least 4.5 for text, and 3 for bars. */
const THEMES = {
  light: { page: "#ffffff", text: "#1f2328", muted: "#59636e", ours: "#0969da", other: "#818b98" },
  dark: { page: "#0d1117", text: "#f0f6fc", muted: "#9198a1", ours: "#58a6ff", other: "#7d8590" },
};
const FONT = "-apple-system, BlinkMacSystemFont, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif";

/** The width of a README on GitHub, the width of the clients' names in it, and the space between charts. In pixels. */
const [WIDTH, NAMES, SPACE] = [830, 200, 16];

/** @returns An SVG with a row of bar charts for each section, and with a description for screen readers. */
export async function draw(
  sections: readonly Section[],
  theme: keyof typeof THEMES,
  description: string,
): Promise<string> {
  const drawing = shell(VEGA_LITE);
  drawing.child.stdin?.end(JSON.stringify(spec(sections, THEMES[theme])));
  const { stdout } = await drawing;
  // Vega guesses how wide a text is, and leaves too much room.
  const [, height, left] = /height="(\d+)".*?translate\((\d+)/.exec(stdout) ?? [];
  const size = `width="${WIDTH}" height="${height}" viewBox="${Number(left) - NAMES - SPACE} 0 ${WIDTH} ${height}"`;
  const texts = `<title id="title">What a cancel costs, by client</title>\n<desc id="description">${description}</desc>\n`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-labelledby="title description">\n${texts}`;
  return `${stdout.replace(/<svg [^>]*>/, head)}\n`;
}

/** In Vega-Lite: https://vega.github.io/vega-lite/docs/ */
function spec(sections: readonly Section[], { page, text, muted, ours, other }: (typeof THEMES)["light"]): object {
  const isOurs = { test: "datum.kind === 'ours'", value: ours };
  const isHollow = { test: `datum.kind === "doesn't retry"`, value: page };
  const x = (field: string) => ({ field, type: "quantitative", axis: null });
  const median = { x: x("median"), stroke: { condition: isOurs, value: other } };
  const spread = { x: x("low"), x2: { field: "high" } };
  const label = { x: x("high"), text: { field: "median", format: ",.3r" } };
  const layer = [
    {
      mark: { type: "bar", height: 11 },
      encoding: { ...median, fill: { condition: [isOurs, isHollow], value: other } },
    },
    { mark: { type: "rule", color: page, strokeWidth: 4 }, encoding: spread },
    { mark: { type: "rule", color: text, strokeWidth: 1.5 }, encoding: spread },
    { mark: { type: "text", align: "left", dx: 6, color: text }, encoding: label },
  ];
  const panel = ({ name, figures }: Section["measures"][number], index: number, { length }: Section["measures"]) => {
    const end = 1.35 * Math.max(...figures.map(({ high }) => high)); // with room for the label
    const encoding = {
      x: { scale: { domain: [0, end] } },
      y: { field: "name", sort: null, axis: index === 0 ? {} : null },
    };
    const width = (WIDTH - NAMES - SPACE) / length - SPACE;
    return {
      title: { text: name, fontWeight: 400 },
      data: { values: figures },
      width,
      height: { step: 20 },
      encoding,
      layer,
    };
  };
  const row = ({ title, unit, measures }: Section) => {
    return {
      title: { text: `${title}, ${unit}`, dx: -NAMES },
      hconcat: measures.map(panel),
      bounds: "flush",
      spacing: SPACE,
    };
  };
  const subtitle =
    "Shorter is better, except for throughput. Hollow: neither retries nor times out. Thin line: the middle half of rounds.";
  return {
    title: { text: "What a cancel costs", subtitle, fontSize: 16, dx: -NAMES, offset: 12 },
    vconcat: sections.map(row),
    spacing: 28,
    padding: SPACE,
    background: page,
    config: {
      aria: false, // the picture is described as a whole
      font: FONT,
      view: { stroke: null },
      title: { anchor: "start", frame: "group", color: text, subtitleColor: muted, fontSize: 12, subtitleFontSize: 12 },
      axisY: {
        ticks: false,
        domain: false,
        title: null,
        labelPadding: 8,
        labelColor: text,
        labelFontSize: 12,
        labelLimit: 0,
      },
    },
  };
}
