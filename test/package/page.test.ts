import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChromium } from "../support/chromium.js";
import { cancelling, serve } from "../support/server.js";
import { until } from "../support/timers.js";
import { projectWith } from "./project.js";

const project = projectWith({});

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** A page with the example, and the server that passes its requests on to OpenAI. */
async function openPage() {
  copyFileSync("examples/cancel-on-page-close.ts", join(project.folder, "example.ts"));
  const page = project.write(
    "page.ts",
    `import { cancelOnPageClose } from "./example.js";
     globalThis.complete = cancelOnPageClose("upload_abc123");`,
  );
  const { outputFiles } = await build({ entryPoints: [page], bundle: true, format: "esm", write: false });
  const script = outputFiles[0]?.text;
  const server = await serve((request, response) => {
    if (request.method === "POST") return cancelling(request, response);
    response.setHeader("content-type", "text/html").end(`<!doctype html><script type="module">${script}</script>`);
  });
  const tab: Page = await browser.newPage();
  await tab.goto(new URL("/some/page", server.url).href);
  await tab.waitForFunction("globalThis.complete");
  const posts = () => server.requests.filter(({ method }) => method === "POST");
  return { tab, posts, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test("the example cancels the upload when its page closes, without a key", async () => {
  await using page = await openPage();
  await page.tab.close({ runBeforeUnload: true });
  await until(() => page.posts().length > 0);
  const [cancel, ...more] = page.posts();
  expect(cancel?.url).toBe("/api/uploads/upload_abc123/cancel");
  expect(cancel?.headers).not.toHaveProperty("authorization");
  expect(more).toEqual([]);
});

test("once the upload is complete, the example cancels nothing", async () => {
  await using page = await openPage();
  await page.tab.evaluate(`(async () => {
    globalThis.complete();
    dispatchEvent(new Event("pagehide"));
    for (let later = 0; later < 3; later += 1) await fetch("/later", { method: "POST" });
  })()`);
  expect(page.posts().map(({ url }) => url)).toEqual(["/later", "/later", "/later"]);
});
