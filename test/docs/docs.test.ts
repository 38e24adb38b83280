import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { AxeResults } from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contract as contractPath } from "../../scripts/contract/prism.js";
import { launchChromium } from "../support/chromium.js";
import { contract, documentedErrors } from "../support/contract.js";

const DESKTOP = { width: 1440, height: 1000 };
const PHONE = { width: 390, height: 844 };
const site = pathToFileURL(resolve("site/index.html")).href;
const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const { post } = contract.paths["/uploads/{upload_id}/cancel"];

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** The page as a person opens it, with what it asked the network for, and the errors that it logged. */
interface Opened extends AsyncDisposable {
  readonly page: Page;
  readonly requests: readonly string[];
  readonly errors: readonly string[];
}

async function open(options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  const page = await context.newPage();
  const requests: string[] = [];
  const errors: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(site);
  // Redoc draws the page twice: as it was built, and again where a person can use it.
  await page.getByRole("button", { name: "curl" }).waitFor();
  return { page, requests, errors, [Symbol.asyncDispose]: () => context.close() };
}

/** What can be read on the page, without the mark-up that the contract's texts have. */
async function read(page: Page): Promise<string> {
  return plain(await page.locator("main").innerText());
}

function plain(text: string): string {
  return text
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll("`", "")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** Redoc draws the fields of a field once they are scrolled to. */
async function showFile(page: Page): Promise<void> {
  await page.getByText("The ready File object").scrollIntoViewIfNeeded();
  await page.getByText("status_details").waitFor();
}

async function showResponse(page: Page, status: string): Promise<void> {
  await page.getByRole("tablist", { name: "Response status" }).getByRole("tab", { name: status }).click();
}

async function showSample(page: Page, from: string, to: string): Promise<void> {
  await page.getByRole("button", { name: from, exact: true }).click();
  await page.getByRole("menuitem", { name: to, exact: true }).click();
}

interface Schema {
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly deprecated?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** Every text that the contract has for the fields of a schema: what they are, and the values that they may have. */
function texts({ properties = {} }: Schema): string[] {
  return Object.entries(properties).flatMap(([name, field]) => [
    name,
    ...(field.description ? [plain(field.description)] : []),
    ...(field.enum ?? []).map((value) => JSON.stringify(value)),
    ...(field.deprecated ? ["deprecated"] : []),
    ...texts(field),
  ]);
}

test("the page opens on what the operation does and how to call it, and offers the contract for download", async () => {
  await using opened = await open();
  const { page } = opened;
  expect(await page.title()).toBe("OpenAI Cancel Upload");
  expect(await page.locator("meta[name=description]").getAttribute("content")).toContain("Give up an unfinished");
  expect(await page.locator("link[rel=icon]").getAttribute("href")).toMatch(/^data:image\/svg/);
  for (const name of ["OpenAI Cancel Upload", "Cancel upload"]) {
    const heading = page.getByRole("heading", { name }).first();
    expect((await heading.boundingBox())?.y, name).toBeLessThan(DESKTOP.height);
  }
  expect(await page.getByText("curl -X POST").first().isVisible()).toBe(true);

  const download = await page.getByRole("link", { name: "OpenAPI description" }).getAttribute("href");
  const file = fileURLToPath(new URL(download ?? "", site));
  expect(readFileSync(file, "utf8")).toBe(readFileSync(contractPath, "utf8"));
});

test("every field, value and deprecation of the answer can be read", async () => {
  await using opened = await open();
  const { page } = opened;
  await showFile(page);
  const { Upload, OpenAIFile } = contract.components.schemas;
  const expected = [...texts(Upload ?? {}), ...texts(OpenAIFile ?? {})];
  expect(expected.length).toBeGreaterThan(50);
  const shown = await read(page);
  for (const text of expected) expect(shown).toContain(text);
});

describe("every response can be read, with its fields and its examples", () => {
  test.for(Object.keys(post.responses).filter((status) => status !== "200"))("%s", async (status) => {
    await using opened = await open();
    const { page } = opened;
    await showResponse(page, status);
    const response = post.responses[status];
    await expect.poll(() => read(page)).toContain(plain(response?.description ?? ""));
    const shown = await read(page);
    for (const text of texts(contract.components.schemas["ErrorResponse"] ?? {})) expect(shown).toContain(text);

    const examples = documentedErrors.filter((documented) => documented.status === status);
    expect(examples).not.toHaveLength(0);
    for (const [index, { summary, error }] of examples.entries()) {
      if (index > 0) {
        await page.getByRole("button", { name: "Example", exact: true }).click();
        await page.getByRole("menuitem", { name: summary }).click();
      }
      await expect.poll(() => read(page)).toContain(plain(JSON.stringify(error.message)));
    }
  });
});

test("the samples can be switched, and each is the contract's", async () => {
  await using opened = await open();
  const { page } = opened;
  let shown = "curl";
  for (const { lang, source } of post["x-codeSamples"]) {
    if (lang !== shown) await showSample(page, shown, lang);
    shown = lang;
    await expect.poll(() => read(page)).toContain(plain(source));
  }
  expect(shown).toBe("Shell");
});

test("it works at the width of a phone", async () => {
  await using opened = await open({ viewport: PHONE, isMobile: true, hasTouch: true });
  const { page } = opened;
  await showSample(page, "curl", "TypeScript");
  await showResponse(page, "404");
  await expect.poll(() => read(page)).toContain("There is no such Upload");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(PHONE.width);
});

describe("nothing leaves the machine, no error is logged, and nothing stands in the way of anybody who reads it", () => {
  const views: Record<string, BrowserContextOptions> = {
    "on a desktop": {},
    "in the dark": { colorScheme: "dark" },
    "on a phone": { viewport: PHONE, isMobile: true, hasTouch: true },
    "on a phone in the dark": { viewport: PHONE, isMobile: true, hasTouch: true, colorScheme: "dark" },
  };
  test.for(Object.entries(views))("%s", async ([, options]) => {
    await using opened = await open(options);
    const { page, requests, errors } = opened;
    const dark = await page.evaluate(() => document.documentElement.classList.contains("dark"));
    expect(dark).toBe(options.colorScheme === "dark");

    await page.addScriptTag({ content: axe });
    await showFile(page);
    expect(await seriousViolations(page)).toEqual([]);
    await showSample(page, "curl", "TypeScript");
    await showResponse(page, "401");
    expect(await seriousViolations(page)).toEqual([]);
    await showSample(page, "TypeScript", "Shell");
    expect(await seriousViolations(page)).toEqual([]);

    expect(requests.filter((url) => !/^(file|data|blob):/.test(url))).toEqual([]);
    expect(errors).toEqual([]);
  });
});

/** Redoc's own, that nothing can be configured about: the button that chooses an example is named "Example" to all. */
const REDOCS_OWN = ["label-content-name-mismatch"];

async function seriousViolations(page: Page): Promise<string[]> {
  // Colours that fade in are no colours yet.
  await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished)));
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations
    .filter(({ id, impact }) => (impact === "serious" || impact === "critical") && !REDOCS_OWN.includes(id))
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}
