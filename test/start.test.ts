import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import { cancelledUpload } from "./support/contract.js";
import { run } from "./support/run.js";
import { cancelling, serve } from "./support/server.js";
import { until } from "./support/timers.js";

/** Proxies that nothing gets through. */
const deadProxies = Object.fromEntries(
  ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].map((name) => [name, "http://127.0.0.1:9"]),
);

test("npm start cancels upload_abc123 at the mock, without the environment's proxy, and prints one line", async () => {
  const { exitCode, stdout, stderr } = await run("npm", ["start", "--silent"], { env: deadProxies });
  expect(stderr).toContain("Cancelling upload_abc123 against a mock of the API");
  expect(stdout).toMatch(/^cancelled +upload_abc123\b.*\n$/);
  expect(exitCode).toBe(0);
});

test("npm test reaches its servers without the environment's proxy", async () => {
  const args = ["vitest", "run", "--project", "client", "test/examples.test.ts"];
  const { exitCode, stdout } = await run("npx", args, { env: { ...deadProxies, VITEST: "", NODE_ENV: "" } });
  expect(exitCode, stdout).toBe(0);
});

test("npm start with a key and an upload ID cancels that upload at the API", async () => {
  await using server = await serve(cancelling);
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const { exitCode, stdout } = await run("npm", ["start", "--silent", "--", "upload_abc123", "--json"], { env });
  expect(JSON.parse(stdout)).toMatchObject({ upload_id: "upload_abc123", ok: true, upload: cancelledUpload });
  expect(exitCode).toBe(0);
  expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ["/v1/uploads/upload_abc123/cancel", "Bearer sk-test"],
  ]);
});

test("npm start passes its arguments on: --dry-run sends nothing", async () => {
  await using server = await serve(cancelling);
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const { exitCode, stdout } = await run("npm", ["start", "--silent", "--", "upload_x", "--dry-run"], { env });
  expect(stdout).toBe(`POST  ${server.url}/uploads/upload_x/cancel  authorization: Bearer ***\n`);
  expect(exitCode).toBe(0);
  expect(server.requests).toHaveLength(0);
});

test("npm start with an upload ID but no key exits with 2 and says that the key is missing", async () => {
  const { exitCode, stdout, stderr } = await run("npm", ["start", "--silent", "--", "upload_x"]);
  expect(stderr).toContain("error: there is no API key: set OPENAI_API_KEY\n");
  expect([exitCode, stdout]).toEqual([2, ""]);
});

const script = ["--import", "tsx", "scripts/client/start.ts"];

test.for([
  ["SIGTERM", "npm start", "npm", ["start", "--silent"]],
  ["SIGINT", "npm start", "npm", ["start", "--silent"]],
  ["SIGTERM", "its script", process.execPath, script],
  ["SIGINT", "its script", process.execPath, script],
] as const)("%s to %s leaves no Prism behind", async ([signal, , command, args]) => {
  const child = spawn(command, args, { detached: true }); // in a process group of its own
  const exited = once(child, "exit");
  await lineWith("against a mock of the API", child.stderr); // Prism is running.
  child.kill(signal);
  await exited;
  await until(() => spawnSync("pgrep", ["-g", String(child.pid), "-f", "prism"]).stdout.length === 0);
});

test("SIGTERM to npm run mock leaves no Prism behind", async () => {
  const child = spawn("npm", ["run", "--silent", "mock", "--", "0"], { detached: true });
  const exited = once(child, "exit");
  await lineWith("The mock answers at", child.stdout);
  child.kill("SIGTERM");
  await exited;
  await until(() => spawnSync("pgrep", ["-g", String(child.pid)]).stdout.length === 0);
});

test("SIGTERM to npm start stops the command: it sends nothing more", async () => {
  let respond = () => {};
  await using server = await serve((...exchange) => {
    respond = () => cancelling(...exchange);
  });
  const env = { ...process.env, OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const args = ["start", "--silent", "--", "upload_abc123", "upload_def456", "--concurrency", "1"];
  const npm = spawn("npm", args, { env });
  await until(() => server.requests.length === 1);
  npm.kill("SIGTERM");
  await lineWith("Stopping", npm.stderr);
  respond();
  await once(npm, "close"); // The command has exited too: it shares npm's output.
  expect(server.requests).toHaveLength(1);
});

async function lineWith(text: string, stream: Readable): Promise<void> {
  const lines = createInterface(stream);
  for await (const line of lines) if (line.includes(text)) return;
  throw new Error(`There is no line with ${text}`);
}
