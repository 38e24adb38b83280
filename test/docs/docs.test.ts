import { readFileSync, writeFileSync } from "node:fs";
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
import { textOfPdf } from "../support/pdf.js";
import { run } from "../support/run.js";
import { serve } from "../support/server.js";

const DESKTOP = { width: 1440, height: 1000 };
const PHONE = { width: 390, height: 844 };
/** The last field of the cancel's response. */
const LAST_FIELD = "status_details";
const PICTURE = "docs/docs-page.png";
const site = pathToFileURL(resolve("site/index.html")).href;
const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const operations = endpointsOf(await readContract());

/** The cancel's errors in the contract, as the docs list them: status, code, and whether to retry. */
const documented = operations
  .filter(({ operationId }) => operationId === "cancelUpload")
  .flatMap(({ responses }) => Object.entries(responses))
  .filter(([status]) => /^[45]/.test(status))
  .flatMap(([status, { content = {} }]) => {
    const examples = Object.values(content).flatMap(({ examples = {} }) => Object.values(examples));
    const errors = examples.map(({ value }) => Object(value).error);
    const isRetried = ({ type }: { type: string }) => /^(409|429|5..)$/.test(status) && type !== "insufficient_quota";
    return [...new Set(errors.map((error) => `${status} ${error.code ?? ""} ${isRetried(error)}`))];
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
  if (options.javaScriptEnabled !== false) await operation.getByRole("button", { name: "curl" }).waitFor();
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
function texts(schema: Schema, narrowed: readonly string[] = []): string[] {
  const { properties = {}, items, allOf = [], anyOf = [] } = schema;
  // A field that one part of an allOf narrows to a single value is shown with that value alone.
  const constants = allOf.flatMap((part) => Object.entries(part.properties ?? {})).filter(([, field]) => field.const);
  const names = constants.map(([name]) => name);
  return [
    ...Object.entries(properties).flatMap(([name, field]) => [
      name,
      ...(field.description ? [withoutMarkdown(field.description)] : []),
      ...(narrowed.includes(name) ? [] : (field.enum ?? [])).map((value) => JSON.stringify(value)),
      ...(field.const ? [JSON.stringify(field.const)] : []),
      ...(field.deprecated ? ["deprecated"] : []),
      ...texts(field),
    ]),
    ...allOf.flatMap((part) => texts(part, names)),
    ...[...anyOf, ...(items ? [items] : [])].flatMap((part) => texts(part)),
  ];
}

test("the page starts with what the operation does and how to call it, and offers the contract for download", async () => {
  await using opened = await open({}, "cancelUpload", site);
  const { page } = opened;
  expect(await page.title()).toBe("OpenAI Cancel Upload");
  const heading = page.getByRole("heading", { name: "OpenAI Cancel Upload" });
  expect((await heading.boundingBox())?.y).toBeLessThan(DESKTOP.height / 4);
  expect((await page.getByText("POST /v1/uploads/upload_abc123/cancel").boundingBox())?.y).toBeLessThan(DESKTOP.height);

  const download = await page.getByRole("link", { name: "OpenAPI description" }).getAttribute("href");
  const file = readFileSync(fileURLToPath(new URL(download ?? "", site)), "utf8");
  expect(file).not.toMatch(/\$ref: '?[^#']/);
  expect(parse(file).info).toEqual(parse(readFileSync(contractPath, "utf8")).info);
});

test("search engines and link previews get a title, a description and an icon", async () => {
  await using opened = await open({}, "cancelUpload", site);
  const content = (selector: string) => opened.page.locator(`meta[${selector}]`).getAttribute("content");
  expect(await content('property="og:title"')).toBe("OpenAI Cancel Upload");
  for (const selector of ['name="description"', 'property="og:description"']) {
    expect(await content(selector)).toContain("Cancel an OpenAI Upload");
  }
  expect(await opened.page.locator("link[rel=icon]").getAttribute("href")).toMatch(/^data:image\/svg/);
});

test("the page says which versions of the contract and of the package it documents", async () => {
  await using opened = await open({}, "cancelUpload", site);
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  const { info } = parse(readFileSync(contractPath, "utf8"));
  expect(await textOf(opened.page.getByRole("banner"))).toBe(
    `Contract ${info.version} · openai-cancel-upload ${version}`,
  );
});

test("the menu leads to authentication, retries and errors, and then to the operation", async () => {
  await using opened = await open({}, "cancelUpload", site);
  const items = opened.page.locator("[data-testid=menu-item-label] [data-text]");
  const names = await items.evaluateAll((all) => all.map((item) => item.textContent));
  expect(names.slice(0, 5)).toEqual([
    "OpenAI Cancel Upload",
    "Authentication",
    "Retries and rate limits",
    "Errors",
    "Cancel upload",
  ]);
  const authentication = await textOf(opened.page.locator('[data-section-id="/section/authentication"]'));
  for (const fact of ["Authorization: Bearer", "API keys page", "api.files.write"]) {
    expect(authentication).toContain(fact);
  }
});

test("the status of the response has one value, and the introduction names all four", async () => {
  await using opened = await open();
  const status = opened.operation.locator('[id$="c=200&path=status"]');
  expect(await textOf(status)).toMatch(/^status string required The status of the Upload\. Value: "cancelled"$/);
  await using top = await open({}, "cancelUpload", site);
  const introduction = await textOf(top.page.locator("main"));
  for (const value of ["pending", "completed", "cancelled", "expired"]) expect(introduction).toContain(value);
});

test("all of the page is there on load: for Ctrl+F, on a desktop and on a phone, and in print", async () => {
  for (const options of [{}, { viewport: PHONE, isMobile: true, hasTouch: true }]) {
    await using opened = await open(options, "cancelUpload", site);
    const { page } = opened;
    await expect.poll(() => textOf(page.locator("main"))).toContain(LAST_FIELD);
    const printed = textOfPdf(await page.pdf());
    for (const part of ["curl -X POST", "expires_at", "insufficient_quota", LAST_FIELD])
      expect(printed).toContain(part);
  }
});

test("without JavaScript, the page says where the OpenAPI description and the README are", async () => {
  await using opened = await open({ javaScriptEnabled: false }, "cancelUpload", site);
  const note = opened.page.locator("noscript");
  expect(await textOf(note)).toContain("Without JavaScript, this page lacks the endpoint itself.");
  const links = await note.locator("a").all();
  const hrefs = await Promise.all(links.map((link) => link.getAttribute("href")));
  expect(hrefs).toEqual(["openapi.yaml", "README.md"]);
  for (const href of hrefs) expect(readFileSync(fileURLToPath(new URL(href ?? "", site)), "utf8")).not.toBe("");
});

test("the README's picture is a screenshot of the page: npm run test:docs makes it again if SCREENSHOT is set", async () => {
  await using opened = await open({ viewport: { width: 1440, height: 900 }, deviceScaleFactor: 5 / 6 });
  await opened.page.getByText("Search").first().waitFor();
  const picture = await opened.page.screenshot();
  if (process.env["SCREENSHOT"]) writeFileSync(PICTURE, picture);
  const size = (png: Buffer) => [png.readUInt32BE(16), png.readUInt32BE(20)];
  expect(size(readFileSync(PICTURE))).toEqual(size(picture));
  expect(readFileSync(PICTURE).length).toBeLessThan(150_000);
});

test("the page says that it is unofficial, and links once to OpenAI's own docs", async () => {
  await using opened = await open({}, "cancelUpload", site);
  const { page } = opened;
  expect(await textOf(page.locator("main"))).toContain("These docs are unofficial.");
  const links = await page.locator("main a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  const reference = "https://developers.openai.com/api/reference/resources/uploads/methods/cancel";
  expect(links.filter((link) => link === reference)).toHaveLength(1);
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
    all
      .filter((link) => link.getClientRects().length > 0)
      .map((link) => new URL(link.getAttribute("href") ?? "", document.baseURI).href),
  );
  const places = operations.map(({ operationId }) => `${url}#/other/${operationId.toLowerCase()}`);
  expect(links).toEqual(expect.arrayContaining([`${url}#/`, ...places]));
  expect(links.filter((link) => !link.startsWith(url))).toEqual([]);
});

test("the operation's copy button copies the operation, without the need for other files", async () => {
  await using server = await serve((_, response) => {
    return response.writeHead(200, { "content-type": "text/html" }).end(readFileSync(fileURLToPath(site)));
  });
  await using opened = await open(
    { permissions: ["clipboard-read", "clipboard-write"] },
    "cancelUpload",
    new URL("/#/other/cancelupload", server.url).href,
  );
  const { page, operation } = opened;
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await operation.getByTestId("page-actions").getByRole("button", { name: "Copy", exact: true }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).not.toBe("");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  for (const part of ["POST /uploads/{upload_id}/cancel", "upload_id", "status_details", "credit_balance_exhausted"]) {
    expect(copied).toContain(part);
  }
});

test("the contract is offered as one file, however many files it is in", async () => {
  using copy = copyOfRepository(["docs", "openapi", "package.json", "README.md", "redocly.yaml", "scripts"]);
  copy.splitContract();
  const args = ["--import", "tsx", resolve("scripts/docs/build.ts")];
  const { exitCode, stdout, stderr } = await run(process.execPath, args, { cwd: copy.folder });
  expect(exitCode, stdout + stderr).toBe(0);
  const published = copy.read("site/openapi.yaml");
  expect(published).toContain("The Upload unique identifier");
  expect(published).not.toContain("Upload.yaml");
});

describe("the errors", () => {
  test("are those of the contract, with its codes, and say which are worth retrying", async () => {
    await using opened = await open({}, "cancelUpload", site);
    const rows = await opened.page
      .locator('[data-section-id="/section/errors"] tbody tr')
      .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent?.trim() ?? "")));
    const listed = rows.map(([error = "", advice = ""]) => {
      const [status, code = ""] = error.split(" ");
      return `${status} ${code} ${/\bRetry\b/.test(advice)}`;
    });
    expect(listed.sort()).toEqual(documented.sort());
  });

  test.for(["rate limit", "insufficient_quota", "conflict", "overloaded", "permission"])(
    "are found by %s",
    async (words) => {
      await using opened = await open();
      expect(await search(opened, words)).toMatch(new RegExp(words, "i"));
    },
  );

  test("don't run together in search results", async () => {
    await using opened = await open();
    expect(await search(opened, "missing_scope")).toContain("403 missing_scope A restricted key");
  });

  async function search({ page }: OpenPage, words: string): Promise<string> {
    await page.getByText("Search").first().click();
    await page.getByPlaceholder("Search docs...").fill(words);
    const result = page.getByText(/^\.\.\./).filter({ hasText: new RegExp(words, "i") });
    return textOf(result.first());
  }
});

describe.for(operations)("$operationId", ({ operationId, requestBody, responses, "x-codeSamples": samples = [] }) => {
  test("every field, value and deprecation of its body and its answer can be read", async () => {
    await using opened = await open({}, operationId);
    const { operation } = opened;
    const schemas = [requestBody?.content, responses["200"]?.content].flatMap((content) =>
      Object.values(content ?? {}).map(({ schema }) => schema),
    );
    const expected = schemas.flatMap((schema) => texts(schema));
    expect(expected).not.toHaveLength(0);
    const missing = async () => {
      const text = await textOf(operation);
      return expected.filter((part) => !text.includes(part));
    };
    await expect.poll(missing).toEqual([]);
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

test("on a phone, the title has one line, nothing is wider than the screen, and no code breaks", async () => {
  await using opened = await open({ viewport: PHONE, isMobile: true, hasTouch: true });
  const { page, operation } = opened;
  const title = page.getByRole("heading", { level: 1 });
  expect(
    await title.evaluate((heading) => {
      const range = document.createRange();
      range.selectNodeContents(heading);
      return range.getClientRects().length;
    }),
  ).toBe(1);

  const codes = await page
    .locator("main :is(p, td) code")
    .evaluateAll((all) =>
      all.map((code) => [code.textContent, code.getClientRects().length, code.getBoundingClientRect().right] as const),
    );
  expect(codes.length).toBeGreaterThan(20);
  expect(codes.filter(([, lines, right]) => lines !== 1 || right > PHONE.width)).toEqual([]);
  // Only what the keyboard can reach may scroll.
  const blocks = await page
    .locator("main pre:not([tabindex])")
    .evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth));
  expect(blocks).toEqual(blocks.map(() => true));

  await showSample(opened, "curl", "TypeScript");
  await showResponse(operation, "404");
  await expect.poll(() => textOf(operation)).toContain("The Upload was not found");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(PHONE.width);
});

test("on a phone, the menu button stays in the bar at the top, away from the download link", async () => {
  await using opened = await open({ viewport: PHONE, isMobile: true, hasTouch: true });
  const { page } = opened;
  await page.getByRole("link", { name: "OpenAPI description" }).scrollIntoViewIfNeeded();
  const [bar, button] = await Promise.all([
    page.getByRole("banner").boundingBox(),
    page.getByRole("button", { name: "Open navigation menu" }).boundingBox(),
  ]);
  expect(bar?.y).toBe(0);
  expect((button?.y ?? 0) + (button?.height ?? Number.NaN)).toBeLessThanOrEqual(bar?.height ?? 0);
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
  // Contrast can only be judged once the colors have faded in.
  await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished)));
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations
    .filter(({ id, impact }) => (impact === "serious" || impact === "critical") && !VIOLATIONS_OF_REDOC.includes(id))
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}
