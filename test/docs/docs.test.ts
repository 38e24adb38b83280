import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { AxeResults } from "axe-core";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { endpointsOf, readContract } from "../../scripts/contract/contract.js";
import { contract as contractPath } from "../../scripts/contract/prism.js";
import { launchChromium } from "../support/chromium.js";
import { copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";
import { serve } from "../support/server.js";

const DESKTOP = { width: 1440, height: 1000 };
const PHONE = { width: 390, height: 844 };
const site = pathToFileURL(resolve("site/index.html")).href;
const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const operations = endpointsOf(await readContract());

/** The errors of the cancel in the contract, as the table of errors lists them: status, code, and whether it is retried. */
const documented = operations
  .filter(({ operationId }) => operationId === "cancelUpload")
  .flatMap(({ responses }) => Object.entries(responses))
  .filter(([status]) => /^[45]/.test(status))
  .flatMap(([status, { content = {} }]) => {
    const examples = Object.values(content).flatMap(({ examples = {} }) => Object.values(examples));
    const codes = examples.map(({ value }) => String(Object(value).error.code ?? ""));
    const isTriedAgain = Number(status) === 409 || Number(status) === 429 || Number(status) >= 500;
    return [...new Set(codes)].map((code) => [status, code, isTriedAgain ? "yes" : "no"].join(" "));
  });

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** The page in the browser, with the requests that it sent and the errors that it logged. */
interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** The operation that it shows. */
  readonly operation: Locator;
  readonly requests: readonly string[];
  readonly errors: readonly string[];
}

async function open(
  options: BrowserContextOptions = {},
  operationId = "cancelUpload",
  url = `${site}#/other/${operationId.toLowerCase()}`,
): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  const page = await context.newPage();
  const requests: string[] = [];
  const errors: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  // Redoc renders the page twice: when it is built, and again in the browser, with buttons that work.
  const operation = page.locator(`[data-section-id="/other/${operationId.toLowerCase()}"]`);
  await operation.getByRole("button", { name: "curl" }).waitFor();
  return { page, operation, requests, errors, [Symbol.asyncDispose]: () => context.close() };
}

/** The text of a part of the page, without the Markdown that the contract's texts have. */
async function textOf(part: Locator): Promise<string> {
  return withoutMarkdown(await part.innerText());
}

function withoutMarkdown(text: string): string {
  return text
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll("`", "")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** Redoc renders the fields of the File once they are scrolled into view. */
async function showFile(operation: Locator): Promise<void> {
  await operation.getByText("The ready File object").scrollIntoViewIfNeeded();
  await operation.getByText("status_details").waitFor();
}

async function showResponse(operation: Locator, status: string): Promise<void> {
  await operation.getByRole("tablist", { name: "Response status" }).getByRole("tab", { name: status }).click();
}

async function showSample({ page, operation }: OpenPage, from: string, to: string): Promise<void> {
  await operation.getByRole("button", { name: from, exact: true }).click();
  await page.getByRole("menuitem", { name: to, exact: true }).click();
}

interface Schema {
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly deprecated?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

/** All texts of a schema: the names of its fields, their descriptions, and their possible values. */
function texts(schema: Schema): string[] {
  const { properties = {}, items, allOf = [], anyOf = [] } = schema;
  return [
    ...Object.entries(properties).flatMap(([name, field]) => [
      name,
      ...(field.description ? [withoutMarkdown(field.description)] : []),
      ...[...(field.enum ?? []), ...(field.const ? [field.const] : [])].map((value) => JSON.stringify(value)),
      ...(field.deprecated ? ["deprecated"] : []),
      ...texts(field),
    ]),
    ...[...allOf, ...anyOf, ...(items ? [items] : [])].flatMap(texts),
  ];
}

test("the page starts with what the operation does and how to call it, and offers the contract for download", async () => {
  await using opened = await open({}, "cancelUpload", site);
  const { page } = opened;
  expect(await page.title()).toBe("OpenAI Cancel Upload");
  expect(await page.locator("meta[name=description]").getAttribute("content")).toContain("Cancel an unfinished");
  expect(await page.locator("link[rel=icon]").getAttribute("href")).toMatch(/^data:image\/svg/);
  for (const name of ["OpenAI Cancel Upload", "Cancel upload"]) {
    const heading = page.getByRole("heading", { name }).first();
    expect((await heading.boundingBox())?.y, name).toBeLessThan(DESKTOP.height);
  }
  expect(await page.getByText("curl -X POST").first().isVisible()).toBe(true);

  const download = await page.getByRole("link", { name: "OpenAPI description" }).getAttribute("href");
  const file = readFileSync(fileURLToPath(new URL(download ?? "", site)), "utf8");
  expect(file).not.toMatch(/\$ref: '?[^#']/);
  expect(parse(file).info).toEqual(parse(readFileSync(contractPath, "utf8")).info);
});

test("the page says that it is unofficial, and links to the package and to OpenAI's own docs", async () => {
  await using opened = await open({}, "cancelUpload", site);
  const { page } = opened;
  expect(await textOf(page.locator("main"))).toContain("These docs are unofficial.");
  const links = await page.locator("main a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  expect(links).toContain("https://www.npmjs.com/package/openai-cancel-upload");
  expect(links).toContain("https://www.npmjs.com/package/openai-cancel-upload?activeTab=readme");
  expect(links).toContain("https://platform.openai.com/docs/api-reference/uploads/cancel");
});

test("if the page is not at the root of its host, each link of the sidebar leads to its place on the page", async () => {
  await using server = await serve((request, response) => {
    if (request.url !== "/project/") return response.writeHead(404).end();
    return response.writeHead(200, { "content-type": "text/html" }).end(readFileSync(fileURLToPath(site)));
  });
  await using page = await browser.newPage({ viewport: DESKTOP });
  const url = new URL("/project/", server.url).href;
  await page.goto(url);
  const inner = page.locator('a:is([href^="/"], [href^="#"])');
  await inner.first().waitFor();
  const links = await inner.evaluateAll((all) =>
    all.map((link) => new URL(link.getAttribute("href") ?? "", document.baseURI).href),
  );
  const places = operations.map(({ operationId }) => `${url}#/other/${operationId.toLowerCase()}`);
  expect(links).toEqual(expect.arrayContaining([`${url}#/`, ...places]));
  expect(links.filter((link) => !link.startsWith(url))).toEqual([]);
});

test("the contract is offered as one file, however many files it is in", async () => {
  using copy = copyOfRepository(["openapi", "redocly.yaml", "scripts/docs"]);
  copy.splitContract();
  const args = ["--import", "tsx", resolve("scripts/docs/build.ts")];
  const { exitCode, stdout, stderr } = await run(process.execPath, args, { cwd: copy.folder });
  expect(exitCode, stdout + stderr).toBe(0);
  const published = copy.read("site/openapi.yaml");
  expect(published).toContain("The Upload unique identifier");
  expect(published).not.toContain("upload.yaml");
});

describe("the table of errors", () => {
  test("has each status and code of the contract, and says whether this client retries", async () => {
    await using opened = await open();
    const rows = await opened.operation
      .getByRole("row")
      .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent?.trim() ?? "")));
    expect(rows[0]).toEqual(["Status", "Code", "Meaning", "Tries again", "What to do"]);
    const tried = rows.slice(1).map(([status, code, , tries]) => [status, code, tries?.slice(0, 3)].join(" "));
    expect(tried.sort()).toEqual(documented.sort());
  });

  test.for(["rate limit", "insufficient_quota", "conflict", "overloaded", "permission"])(
    "is found by %s",
    async (words) => {
      await using opened = await open();
      const { page } = opened;
      await page.getByText("Search").first().click();
      await page.getByPlaceholder("Search docs...").fill(words);
      await expect.poll(() => page.getByText("description → Errors").count()).toBeGreaterThan(0);
    },
  );
});

describe.for(operations)("$operationId", ({ operationId, requestBody, responses, "x-codeSamples": samples = [] }) => {
  test("every field, value and deprecation of its body and its answer can be read", async () => {
    await using opened = await open({}, operationId);
    const { operation } = opened;
    const schemas = [requestBody?.content, responses["200"]?.content].flatMap((content) =>
      Object.values(content ?? {}).map(({ schema }) => schema),
    );
    const expected = schemas.flatMap(texts);
    expect(expected).not.toHaveLength(0);
    if (expected.includes("status_details")) await showFile(operation);
    await expect.poll(() => textOf(operation)).toContain(expected.at(-1));
    const text = await textOf(operation);
    for (const part of expected) expect(text).toContain(part);
  });

  test.for(Object.keys(responses).filter((status) => status !== "200"))(
    "the response %s can be read, with its fields and its examples",
    async (status) => {
      await using opened = await open({}, operationId);
      const { page, operation } = opened;
      await showResponse(operation, status);
      const response = responses[status];
      await expect.poll(() => textOf(operation)).toContain(withoutMarkdown(response?.description ?? ""));
      const [{ schema, examples = {} } = { schema: {} }] = Object.values(response?.content ?? {});
      const parts = texts(schema);
      // Like those of the File, the fields of a field are rendered once they are scrolled into view.
      await operation
        .getByText(parts[1] ?? "")
        .first()
        .scrollIntoViewIfNeeded();
      await expect.poll(() => textOf(operation)).toContain(parts.at(-1));
      const text = await textOf(operation);
      for (const part of parts) expect(text).toContain(part);

      for (const [index, { summary = "", value }] of Object.values(examples).entries()) {
        if (index > 0) {
          await operation.getByRole("button", { name: "Example", exact: true }).click();
          await page.getByRole("menuitem", { name: summary }).click();
        }
        const { message } = Object(value).error;
        await expect.poll(() => textOf(operation)).toContain(withoutMarkdown(JSON.stringify(message)));
      }
    },
  );

  test("its samples can be switched, and each is the contract's", async () => {
    await using opened = await open({}, operationId);
    expect(samples.map(({ lang }) => lang)).toEqual(expect.arrayContaining(["curl", "TypeScript"]));
    let current = "curl";
    for (const { lang, source } of samples) {
      if (lang !== current) await showSample(opened, current, lang);
      current = lang;
      await expect.poll(() => textOf(opened.operation)).toContain(withoutMarkdown(source));
    }
  });
});

test("it works on a phone, where no code touches the edge of its box and no wrapped line is followed by a gap", async () => {
  await using opened = await open({ viewport: PHONE, isMobile: true, hasTouch: true });
  const { page, operation } = opened;
  for (const code of await page.locator("pre:visible").all()) {
    const { lines, space } = await code.evaluate((pre) => {
      const range = document.createRange();
      range.selectNodeContents(pre);
      const boxes = [...range.getClientRects()].filter(({ width }) => width > 1);
      const { left, right } = pre.getBoundingClientRect();
      const space = Math.min(...boxes.map((box) => Math.min(box.left - left, right - box.right)));
      const bottoms = boxes.map(({ bottom }) => bottom).sort((a, b) => a - b);
      const distances = bottoms.slice(1).map((bottom, index) => bottom - (bottoms[index] ?? 0));
      // The boxes within a line may be some pixels apart, since tokens differ in their fonts.
      return { lines: distances.filter((distance) => distance > 5), space };
    });
    expect(space).toBeGreaterThanOrEqual(8);
    expect(Math.max(...lines)).toBeLessThan(1.5 * Math.min(...lines));
  }

  await showSample(opened, "curl", "TypeScript");
  await showResponse(operation, "404");
  await expect.poll(() => textOf(operation)).toContain("There is no such Upload");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(PHONE.width);
  const table = operation.getByRole("table");
  expect(
    await table.evaluate(({ scrollWidth, parentElement }) => scrollWidth <= (parentElement?.clientWidth ?? 0)),
  ).toBe(true);
});

describe("nothing is sent to the network, no error is logged, and it is accessible", () => {
  const views: Record<string, BrowserContextOptions> = {
    "on a desktop": {},
    "in the dark": { colorScheme: "dark" },
    "on a phone": { viewport: PHONE, isMobile: true, hasTouch: true },
    "on a phone in the dark": { viewport: PHONE, isMobile: true, hasTouch: true, colorScheme: "dark" },
  };
  test.for(Object.entries(views))("%s", async ([, options]) => {
    await using opened = await open(options);
    const { page, operation, requests, errors } = opened;
    const dark = await page.evaluate(() => document.documentElement.classList.contains("dark"));
    expect(dark).toBe(options.colorScheme === "dark");

    await page.addScriptTag({ content: axe });
    await showFile(operation);
    expect(await seriousViolations(page)).toEqual([]);
    await showSample(opened, "curl", "TypeScript");
    await showResponse(operation, "401");
    expect(await seriousViolations(page)).toEqual([]);
    await showSample(opened, "TypeScript", "Shell");
    expect(await seriousViolations(page)).toEqual([]);

    expect(requests.filter((url) => !/^(file|data|blob):/.test(url))).toEqual([]);
    expect(errors).toEqual([]);
  });
});

/** What only Redoc could change: its button that chooses an example is labelled "Example", whatever it shows. */
const VIOLATIONS_OF_REDOC = ["label-content-name-mismatch"];

async function seriousViolations(page: Page): Promise<string[]> {
  // Contrast can only be judged once the colours have faded in.
  await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished)));
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations
    .filter(({ id, impact }) => (impact === "serious" || impact === "critical") && !VIOLATIONS_OF_REDOC.includes(id))
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}
