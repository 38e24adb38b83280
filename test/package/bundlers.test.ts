import { copyFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChromium } from "../support/chromium.js";
import { serve } from "../support/server.js";
import { programs, projectWith } from "./project.js";

const project = projectWith({ parcel: "2.16.4", vite: "8.3.8", webpack: "5.112.2", "webpack-cli": "7.3.1" });
const page = project.write(
  "index.html",
  '<!doctype html><title>Page</title><script type="module" src="./page.js"></script>',
);
project.write(
  "page.js",
  `import { cancelUpload, createClient } from "openai-cancel-upload";
   globalThis.cancelled = cancelUpload(createClient(${programs().options}), "upload_abc123");`,
);

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** Opens a folder's page in Chromium, and returns the Upload that the page cancels. */
async function cancelledIn(folder: string): Promise<unknown> {
  const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };
  await using server = await serve(async ({ url = "/" }, response) => {
    const file = url === "/" ? "/index.html" : url;
    const text = await readFile(join(project.folder, folder, file)).catch(() => null);
    response.writeHead(text ? 200 : 404, { "content-type": types[extname(file)] ?? "text/plain" }).end(text);
  });
  await using tab = await browser.newPage();
  await tab.goto(new URL("/", server.url).href);
  return await tab.evaluate("globalThis.cancelled");
}

test("a page built by Vite with its defaults cancels an Upload", async () => {
  await project.output("node_modules/.bin/vite", "build", "--outDir", "vite");
  expect(await cancelledIn("vite")).toMatchObject({ status: "cancelled" });
});

test("a page built by Parcel with its defaults cancels an Upload", async () => {
  await project.output("node_modules/.bin/parcel", "build", "index.html", "--dist-dir", "parcel");
  expect(await cancelledIn("parcel")).toMatchObject({ status: "cancelled" });
});

test("a page built by webpack with its defaults cancels an Upload", async () => {
  await project.output(
    "node_modules/.bin/webpack",
    "build",
    "--mode",
    "production",
    "--entry",
    "./page.js",
    "--output-path",
    "webpack",
    "--output-filename",
    "page.js",
  );
  copyFileSync(page, join(project.folder, "webpack/index.html"));
  expect(await cancelledIn("webpack")).toMatchObject({ status: "cancelled" });
});
