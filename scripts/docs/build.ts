// Writes site/: the docs as one page, and the contract as one file to download.
import { readFile, writeFile } from "node:fs/promises";
import { readContract } from "../contract/contract.js";
import { contract } from "../contract/prism.js";
import { redocly } from "../contract/redocly.js";

const page = "site/index.html";
/** The only file that Redoc would load from the network, for its "API docs by". scripts/docs/page.hbs has its name instead. */
const LOGO = "https://cdn.redoc.ly/redoc/logo-mini-full.svg";

const { version } = JSON.parse(await readFile("package.json", "utf8"));
const { info } = await readContract();
const versions = [`--templateOptions.package=${version}`, `--templateOptions.contract=${info?.version}`];
const { ok, output } = await redocly("build-docs", contract, "--inlineBundle", "--output", page, ...versions);
if (ok) {
  const html = (await readFile(page, "utf8"))
    .replaceAll(LOGO, "data:,")
    // Redoc's script finds a section by the hash of the URL, but the links in its HTML lack the "#".
    .replaceAll(/(<a class="[^"]*" href=")(?=\/)/g, "$1#");
  await writeFile(page, html);
  await redocly("bundle", contract, "--output", "site/openapi.yaml");
  console.log(`Wrote ${page}: open it in a browser.`);
} else {
  console.error(output);
  process.exitCode = 1;
}
