interface Bar {
  readonly name: string;
  readonly retries: boolean;
  readonly value: number;
}

const ROW = 34;
const LEFT = 330;
const WIDTH = 880;
const LONGEST_BAR = 440;

/** A bar for each client, as SVG. The last one is ours. */
export function chart(title: string, unit: string, bars: readonly Bar[]): string {
  const longest = Math.max(...bars.map(({ value }) => value));
  const height = 48 + bars.length * ROW + 8;
  const rows = bars.map(({ name, retries, value }, index) => {
    const y = 48 + index * ROW;
    const end = LEFT + (LONGEST_BAR * value) / longest;
    const shown = value.toPrecision(3);
    return `  <g${index === bars.length - 1 ? ' class="ours"' : ""}>
    <text x="${LEFT - 12}" y="${y + 18}" text-anchor="end">${name}${retries ? "" : ", no retries"}</text>
    <rect x="${LEFT}" y="${y + 2}" width="${(end - LEFT).toFixed(1)}" height="${ROW - 12}" rx="3"/>
    <text x="${(end + 8).toFixed(1)}" y="${y + 18}">${shown} ${unit}</text>
  </g>\n`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}">
  <style>
    text { font: 14px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
    rect { fill: #afb8c1 }
    .title, .ours text { font-weight: 600 }
    .ours rect { fill: #0969da }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      rect { fill: #656c76 }
      .ours rect { fill: #58a6ff }
    }
  </style>
  <text class="title" x="${LEFT}" y="26">${title}</text>
${rows.join("")}</svg>
`;
}
