import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";
import { json, serve } from "../support/server.js";

const DEV = resolve("scripts/contract/dev.ts");
const CONTRACT = "openapi/openapi.yaml";
const UPLOAD = "openapi/upload.yaml";
const TYPES = "generated/openapi.d.ts";
const OK = "✓ openapi/openapi.yaml is sound";

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  await once(server.close(), "close");
  return String(address.port);
}

test("npm run dev keeps the types and the mock at the last sound contract, and says what is wrong with another", {
  timeout: 240_000,
}, async () => {
  using copy = copyOfRepository();
  copy.split();
  const port = await freePort();
  // A group of its own, to which Ctrl-C goes as it does in a terminal.
  const dev = spawn(process.execPath, ["--import", "tsx", DEV, port], { cwd: copy.folder, detached: true });
  const interrupt = () => process.kill(-(dev.pid ?? 0), "SIGINT");
  process.once("exit", interrupt);
  const exited = once(dev, "exit");
  let said = "";
  for (const output of [dev.stdout, dev.stderr]) output.setEncoding("utf8").on("data", (text) => (said += text));

  async function says(text: string): Promise<string> {
    await expect.poll(() => stripVTControlCharacters(said), { timeout: 60_000 }).toContain(text);
    const all = said;
    said = "";
    return all;
  }

  async function served(): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${port}/uploads/upload_abc123/cancel`, {
      method: "POST",
      headers: { authorization: "Bearer sk-test" },
    });
    return response.json();
  }

  expect(await says(OK)).toContain(`http://127.0.0.1:${port} serves it`);

  copy.edit("filename: training_examples.jsonl", "filename: new.jsonl");
  copy.write(UPLOAD, copy.read(UPLOAD).replace("  expires_at:\n", "  parts:\n    type: integer\n  expires_at:\n"));
  await says(OK);
  expect(copy.read(TYPES)).toContain("parts?: number");
  expect(await served()).toMatchObject({ filename: "new.jsonl" });

  const types = copy.read(TYPES);
  copy.edit("      summary: Cancel upload\n", "      sumary: Cancel upload\n");
  expect(await says("is broken")).toMatch(/openapi\/openapi\.yaml:\d+:7 .*sumary/);
  const sound = copy.read(CONTRACT);
  copy.write(CONTRACT, `${sound}\n   no: [yaml`);
  expect(await says("is broken")).toMatch(/ at openapi\/openapi\.yaml:\d+:\d+/);
  const index = copy.read("src/index.ts");
  copy.write("src/index.ts", `${index}export const wrong: string = 1;\n`);
  await says("src/index.ts:");
  copy.write("src/index.ts", index);
  await says("✓ Types check");
  expect(copy.read(TYPES)).toBe(types);
  expect(await served()).toMatchObject({ filename: "new.jsonl" });

  copy.write(UPLOAD, copy.read(UPLOAD).replaceAll("cancelled", "canceled"));
  copy.write(CONTRACT, sound.replace("sumary", "summary").replaceAll("cancelled", "canceled"));
  expect(await says("✗ Types don't check")).toMatch(/src\/cancel-upload\.ts:\d+:\d+/);
  expect(await served()).toMatchObject({ status: "canceled" });

  const prism = execFileSync("pgrep", ["-P", String(dev.pid), "-f", "prism"], { encoding: "utf8" });
  process.kill(Number(prism), "SIGKILL");
  expect(await says("serves openapi/openapi.yaml again")).toContain("✗ The mock has died; it starts again");
  expect(await served()).toMatchObject({ status: "canceled" });

  interrupt();
  process.off("exit", interrupt);
  expect(await exited).toEqual([0, null]);
  await expect(served()).rejects.toThrow("fetch failed");
});

test("if its port is taken, npm run dev says so and ends", { timeout: 120_000 }, async () => {
  await using server = await serve(json(200, {}));
  using copy = copyOfRepository();
  copy.write(
    "tsconfig.json",
    '{ "files": ["generated/openapi.d.ts"], "compilerOptions": { "noLib": true, "types": [] } }',
  );
  const { port } = new URL(server.url);
  const args = ["--import", "tsx", DEV, port];
  const { exitCode, stdout } = await run(process.execPath, args, { cwd: copy.folder });
  expect(stdout).toContain(`Port ${port} is taken`);
  expect(exitCode).toBe(1);
});
