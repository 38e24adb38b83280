// Cancels an Upload with the packed package in each runtime, at a mock of the contract on loopback.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { contract, startPrism } from "../../scripts/contract/prism.js";
import { projectWithTarball } from "./tarball.js";

const NODES = ["20", "22", "24", "26"];
const BUN = "bun@1.4.5";
const DENO = "deno@2.9.6";
const WORKERD = "workerd@1.20261117.1";
/** Debian's, unless another is named. */
const CHROMIUM = process.env["CHROMIUM"] || "/usr/bin/chromium";
const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
];

await using prism = await startPrism("mock", contract, "--errors");
using project = projectWithTarball();
const options = JSON.stringify({ baseUrl: prism.url, apiKey: "sk-test" });

const esm = project.write(
  "cancel.mjs",
  `import { cancelUpload, createClient } from "openai-cancel-upload";
   const upload = await cancelUpload(createClient(${options}), "upload_abc123");
   console.log(upload.status);`,
);
const commonJs = project.write(
  "cancel.cjs",
  `const { cancelUpload, createClient } = require("openai-cancel-upload");
   cancelUpload(createClient(${options}), "upload_abc123").then((upload) => console.log(upload.status));`,
);

/** What a program prints. */
async function outputOf(command: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: prism.url };
  const { stdout } = await promisify(execFile)(command, args, { cwd: project.folder, env, timeout: 120_000 });
  return stdout;
}

function npx(...args: string[]): Promise<string> {
  return outputOf("npx", "--yes", ...args);
}

async function bundle(code: string, format: "esm" | "iife"): Promise<string> {
  const stdin = { contents: code, resolveDir: project.folder };
  const { outputFiles } = await build({ stdin, bundle: true, format, write: false, platform: "neutral" });
  return outputFiles[0]?.text ?? "";
}

/** workerd is a server: the Upload is cancelled by the worker, for a request to it. */
async function inWorkerd(): Promise<string> {
  const worker = await bundle(
    `import { cancelUpload, createClient } from "openai-cancel-upload";
     const client = createClient(${options});
     export default {
       async fetch() {
         const upload = await cancelUpload(client, "upload_abc123");
         return new Response(upload.status);
       },
     };`,
    "esm",
  );
  project.write("worker.js", worker);
  const config = project.write(
    "config.capnp",
    `using Workerd = import "/workerd/workerd.capnp";
     const config :Workerd.Config = (
       services = [
         (name = "main", worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2026-01-01")),
         (name = "internet", network = (allow = ["local", "private", "public"])),
       ],
       sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
     );`,
  );
  // Standard output as its control channel says which port it was given.
  const child = spawn("npx", ["--yes", WORKERD, "serve", "--control-fd=1", config], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const ended = once(child, "exit");
  try {
    for await (const line of createInterface(child.stdout)) {
      const { port }: { port?: number } = JSON.parse(line);
      if (port) return await (await fetch(`http://127.0.0.1:${port}`)).text();
    }
    throw new Error("workerd did not start");
  } finally {
    if (child.pid) process.kill(-child.pid); // npx and what it started
    await ended;
  }
}

async function inChromium(): Promise<string> {
  const script = await bundle(
    `import { cancelUpload, createClient } from "openai-cancel-upload";
     globalThis.cancelled = cancelUpload(createClient(${options}), "upload_abc123").then((upload) => upload.status);`,
    "iife",
  );
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
  const server = createServer((_request, response) => response.end(`<!doctype html><script>${script}</script>`));
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${address.port}`);
    return String(await page.evaluate("globalThis.cancelled"));
  } finally {
    await browser.close();
    server.close();
  }
}

const runtimes: [string, () => Promise<string>][] = [
  ...NODES.flatMap((version): [string, () => Promise<string>][] => [
    [`Node ${version}, import`, () => npx(`node@${version}`, esm)],
    [`Node ${version}, require`, () => npx(`node@${version}`, commonJs)],
    [
      `Node ${version}, cancel-upload`,
      () => npx(`node@${version}`, "node_modules/.bin/cancel-upload", "upload_abc123"),
    ],
  ]),
  ["Bun", () => npx(BUN, esm)],
  ["Deno, without leave to read the environment", () => npx(DENO, "run", "--no-prompt", "--allow-net", esm)],
  ["workerd (Cloudflare Workers)", inWorkerd],
  ["Chromium", inChromium],
];

for (const [name, cancel] of runtimes) {
  try {
    const output = await cancel();
    if (!/^cancelled\b/.test(output)) throw new Error(`it printed ${JSON.stringify(output)}`);
    console.log(`pass  ${name}`);
  } catch (error) {
    console.log(`FAIL  ${name}: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
