// Writes site/: the docs as one page, and beside it the contract as one file, for download.
import { readFile, writeFile } from "node:fs/promises";
import { bundle } from "../contract/contract.js";
import { redocly } from "../contract/redocly.js";

const page = "site/index.html";
/** The one thing that Redoc would load, for its "API docs by"; scripts/docs/page.hbs puts its name there instead. */
const LOGO = "https://cdn.redoc.ly/redoc/logo-mini-full.svg";

const { ok, output } = await redocly("build-docs", "cancel-upload", "--inlineBundle", "--output", page);
if (ok) {
  const html = (await readFile(page, "utf8"))
    .replaceAll(LOGO, "data:,")
    // Redoc's script knows each place of the page by its hash, but its HTML lacks the "#".
    .replaceAll(/(<a class="[^"]*" href=")(?=\/)/g, "$1#");
  await writeFile(page, html);
  await bundle("site/openapi.yaml");
  console.log(`Wrote ${page}: open it in a browser.`);
} else {
  console.error(output);
  process.exitCode = 1;
}
