// Writes site/: the docs as one page, and beside it the contract, for download.
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { contract } from "../contract/prism.js";
import { redocly } from "../contract/redocly.js";

const page = "site/index.html";
/** The one thing that Redoc would load, for its "API docs by"; scripts/docs/page.hbs puts its name there instead. */
const LOGO = "https://cdn.redoc.ly/redoc/logo-mini-full.svg";

const { ok, output } = await redocly("build-docs", "cancel-upload", "--inlineBundle", "--output", page);
if (ok) {
  await writeFile(page, (await readFile(page, "utf8")).replaceAll(LOGO, "data:,"));
  await copyFile(contract, "site/openapi.yaml");
  console.log(`Wrote ${page}: open it in a browser.`);
} else {
  console.error(output);
  process.exitCode = 1;
}
