import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";
import { json, listen, serve } from "../support/server.js";

const DEV = resolve("scripts/contract/dev.ts");
const CONTRACT = "openapi/openapi.yaml";
const UPLOAD = "openapi/upload.yaml";
const TYPES = "generated/openapi.d.ts";
const VALID = "✓ openapi/openapi.yaml is valid";

async function freePort(): Promise<string> {
  const server = createServer();
  const port = await listen(server);
  await once(server.close(), "close");
  return String(port);
}

test("npm run dev keeps the types and the mock at the last valid contract, and says what is wrong with a later one", {
  timeout: 240_000,
}, async () => {
  using copy = copyOfRepository();
  copy.splitContract();
  const port = await freePort();
  // In a process group of its own, which gets the Ctrl-C as it does in a terminal.
  const dev = spawn(process.execPath, ["--import", "tsx", DEV, port], { cwd: copy.folder, detached: true });
  const interrupt = () => process.kill(-(dev.pid ?? 0), "SIGINT");
  process.once("exit", interrupt);
  const exited = once(dev, "exit");
  let printed = "";
  for (const output of [dev.stdout, dev.stderr]) output.setEncoding("utf8").on("data", (text) => (printed += text));

  /** Waits until it has printed this, and returns all that it printed since the last wait. */
  async function waitFor(text: string): Promise<string> {
    await expect.poll(() => stripVTControlCharacters(printed), { timeout: 60_000 }).toContain(text);
    const all = printed;
    printed = "";
    return all;
  }

  async function callMock(): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${port}/uploads/upload_abc123/cancel`, {
      method: "POST",
      headers: { authorization: "Bearer sk-test" },
    });
    return response.json();
  }

  expect(await waitFor(VALID)).toContain(`served at http://127.0.0.1:${port}`);

  copy.editContract("filename: training_examples.jsonl", "filename: new.jsonl");
  copy.write(UPLOAD, copy.read(UPLOAD).replace("  expires_at:\n", "  parts:\n    type: integer\n  expires_at:\n"));
  await waitFor(VALID);
  expect(copy.read(TYPES)).toContain("parts?: number");
  expect(await callMock()).toMatchObject({ filename: "new.jsonl" });

  const types = copy.read(TYPES);
  copy.editContract("      summary: Cancel upload\n", "      sumary: Cancel upload\n");
  expect(await waitFor("has errors")).toMatch(/openapi\/openapi\.yaml:\d+:7 .*sumary/);
  const valid = copy.read(CONTRACT);
  copy.write(CONTRACT, `${valid}\n   no: [yaml`);
  expect(await waitFor("has errors")).toMatch(/ at openapi\/openapi\.yaml:\d+:\d+/);
  const index = copy.read("src/index.ts");
  copy.write("src/index.ts", `${index}export const wrong: string = 1;\n`);
  await waitFor("src/index.ts:");
  copy.write("src/index.ts", index);
  await waitFor("✓ No type errors");
  expect(copy.read(TYPES)).toBe(types);
  expect(await callMock()).toMatchObject({ filename: "new.jsonl" });

  copy.write(UPLOAD, copy.read(UPLOAD).replaceAll("cancelled", "canceled"));
  copy.write(CONTRACT, valid.replace("sumary", "summary").replaceAll("cancelled", "canceled"));
  expect(await waitFor("✗ Type errors")).toMatch(/src\/cancel-upload\.ts:\d+:\d+/);
  expect(await callMock()).toMatchObject({ status: "canceled" });

  const prism = execFileSync("pgrep", ["-P", String(dev.pid), "-f", "prism"], { encoding: "utf8" });
  process.kill(Number(prism), "SIGKILL");
  expect(await waitFor("is served at")).toContain("✗ The mock has exited; starting it again");
  expect(await callMock()).toMatchObject({ status: "canceled" });

  interrupt();
  process.off("exit", interrupt);
  expect(await exited).toEqual([0, null]);
  await expect(callMock()).rejects.toThrow("fetch failed");
});

test("if its port is in use, npm run dev says so and exits", { timeout: 120_000 }, async () => {
  await using server = await serve(json(200, {}));
  using copy = copyOfRepository();
  copy.write(
    "tsconfig.json",
    '{ "files": ["generated/openapi.d.ts"], "compilerOptions": { "noLib": true, "types": [] } }',
  );
  const { port } = new URL(server.url);
  const args = ["--import", "tsx", DEV, port];
  const { exitCode, stdout } = await run(process.execPath, args, { cwd: copy.folder });
  expect(stdout).toContain(`Port ${port} is in use.`);
  expect(exitCode).toBe(1);
});
