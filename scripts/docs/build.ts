// Writes site/: the docs as one page, the contract as one file to download, and the README.
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { readContract } from "../contract/contract.js";
import { contract } from "../contract/prism.js";
import { redocly, runScript } from "../contract/redocly.js";

const page = "site/index.html";
/** The only file that Redoc would load from the network, for its "API docs by". docs/page.hbs has its name instead. */
const LOGO = "https://cdn.redoc.ly/redoc/logo-mini-full.svg";

await runScript(import.meta.filename, async () => {
  const { version } = JSON.parse(await readFile("package.json", "utf8"));
  const { info } = await readContract();
  const versions = [`--templateOptions.package=${version}`, `--templateOptions.contract=${info?.version}`];
  const { ok, output } = await redocly("build-docs", contract, "--inlineBundle", "--output", page, ...versions);
  if (!ok) return { exitCode: 1, output };
  const html = (await readFile(page, "utf8"))
    .replaceAll(LOGO, "data:,")
    // Redoc's script finds a section by the hash of the URL, but the links in its HTML lack the "#".
    .replaceAll(/(<a class="[^"]*" href=")(?=\/)/g, "$1#");
  await writeFile(page, html);
  await redocly("bundle", contract, "--output", "site/openapi.yaml");
  await copyFile("README.md", "site/README.md");
  return { exitCode: 0, output: `Wrote ${page}: open it in a browser.` };
});
