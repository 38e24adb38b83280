import { execFileSync, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { renameSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { type Copy, copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";
import { json, serve } from "../support/server.js";

const DEV = resolve("scripts/contract/dev.ts");
const CONTRACT = "openapi/openapi.yaml";
const UPLOAD = "openapi/Upload.yaml";
const TYPES = "generated/openapi.d.ts";
const VALID = "✓ openapi/openapi.yaml is valid, and its types are up to date";
const SERVED = "serves it";

/** A port below those that the system gives to other programs, so that none of them takes it before `npm run dev` does. */
async function freePort(): Promise<string> {
  const port = 10_000 + Math.floor(Math.random() * 20_000);
  const server = createServer();
  try {
    await once(server.listen(port, "127.0.0.1"), "listening");
  } catch {
    return freePort();
  }
  await once(server.close(), "close");
  return String(port);
}

interface Dev extends AsyncDisposable {
  readonly pid: number;
  /** Waits until it prints this, and returns what it printed since the last wait, up to there. */
  askedMs(text: string): Promise<string>;
  /** The mock's answer; undefined while it loads a contract. */
  callMock(): Promise<unknown>;
  /** Waits until the mock's answer has this file name. */
  waitForMock(filename: string): Promise<void>;
  /** Presses Ctrl-C, and returns the exit code. */
  interrupt(): Promise<unknown>;
}

async function dev(copy: Copy): Promise<Dev> {
  const port = await freePort();
  // In a process group of its own, which gets the Ctrl-C as it does in a terminal.
  const child = spawn(process.execPath, ["--import", "tsx", DEV, port], { cwd: copy.folder, detached: true });
  const pid = child.pid ?? 0;
  const kill = () => process.kill(-pid, "SIGINT");
  process.once("exit", kill);
  const exited = once(child, "exit");
  const output = new EventEmitter();
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      printed += text;
      output.emit("text");
    });
  }

  async function askedMs(text: string): Promise<string> {
    while (!printed.includes(text)) {
      const hasExited = await Promise.race([exited.then(() => true), once(output, "text").then(() => false)]);
      if (hasExited) throw new Error(`npm run dev exited before it printed "${text}":\n${printed}`);
    }
    const end = printed.indexOf(text) + text.length;
    const before = printed.slice(0, end);
    printed = printed.slice(end);
    return before;
  }

  async function callMock(): Promise<unknown> {
    const headers = { authorization: "Bearer sk-test" };
    const url = `http://127.0.0.1:${port}/uploads/upload_abc123/cancel`;
    const response = await fetch(url, { method: "POST", headers }).catch(() => undefined);
    return response?.json();
  }

  async function interrupt(): Promise<unknown> {
    process.off("exit", kill);
    if (child.exitCode === null) kill();
    return (await exited)[0];
  }

  return {
    pid,
    askedMs,
    callMock,
    async waitForMock(filename) {
      while (Object(await callMock()).filename !== filename) await askedMs(SERVED);
    },
    interrupt,
    async [Symbol.asyncDispose]() {
      await interrupt();
    },
  };
}

test("npm run dev keeps the types and the mock at the last valid contract, and says what's wrong with a later one", async () => {
  using copy = copyOfRepository();
  copy.splitContract();
  await using running = await dev(copy);
  const { askedMs, waitForMock, callMock } = running;
  await askedMs(VALID);

  copy.editContract("filename: training_examples.jsonl", "filename: new.jsonl");
  copy.write(UPLOAD, copy.read(UPLOAD).replace("  expires_at:\n", "  parts:\n    type: integer\n  expires_at:\n"));
  await askedMs(VALID);
  expect(copy.read(TYPES)).toContain("parts?: number");
  await waitForMock("new.jsonl");

  const types = copy.read(TYPES);
  const valid = copy.read(CONTRACT);
  for (const [broken, problem] of [
    [valid.replace("      summary: Cancel upload\n", "      sumary: Cancel upload\n"), /openapi\.yaml:\d+:7 .*sumary/s],
    [`${valid}\n   no: [yaml`, / at openapi\/openapi\.yaml:\d+:\d+/],
    ["# only a comment\n", /The contract describes no API\. Write one, or restore it with "git restore openapi"\./],
    [
      `${valid}---\nopenapi: 3.1.0\n`,
      /more than one YAML document\. Keep one, and remove the "---" line between them\./,
    ],
  ] as const) {
    copy.write(CONTRACT, broken);
    await askedMs("✗ The types and the mock stay as they were. ");
    copy.write(CONTRACT, valid);
    expect(await askedMs(VALID)).toMatch(problem);
  }
  expect(copy.read(TYPES)).toBe(types);
  expect(await callMock()).toMatchObject({ filename: "new.jsonl" });
});

test("npm run dev notices each save, in whatever way the file is written", async () => {
  using copy = copyOfRepository();
  const file = join(copy.folder, CONTRACT);
  const git = (...args: string[]) => {
    const author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    execFileSync("git", [...author, ...args], { cwd: copy.folder, stdio: "pipe" });
  };
  const original = copy.read(CONTRACT);
  const version = (name: string) =>
    original
      .replace("filename: training_examples.jsonl", `filename: ${name}`)
      .replace("The transfer of a large file, which is sent in Parts.", `Saved as ${name}`);

  git("init", "--quiet");
  for (const turn of [1, 2, 3]) {
    copy.write(CONTRACT, version(`checkout-${turn}`));
    git("add", CONTRACT);
    git("commit", "--quiet", "--message", `checkout-${turn}`);
    git("tag", `checkout-${turn}`);
  }
  copy.write(CONTRACT, original);
  git("commit", "--quiet", "--all", "--message", "original");

  await using running = await dev(copy);
  await running.askedMs(VALID);
  await running.askedMs(SERVED);

  const ways: Record<string, (name: string) => Promise<unknown>> = {
    "in-place": async (name) => copy.write(CONTRACT, version(name)),
    rename: async (name) => {
      copy.write("openapi/.openapi.yaml.swp", version(name));
      renameSync(join(copy.folder, "openapi/.openapi.yaml.swp"), file);
    },
    checkout: async (name) => git("checkout", "--quiet", "--force", name),
    recreate: async (name) => {
      rmSync(file);
      await running.askedMs("openapi/openapi.yaml does not exist");
      copy.write(CONTRACT, version(name));
    },
  };
  for (const [way, save] of Object.entries(ways)) {
    for (const turn of [1, 2, 3]) {
      const name = `${way}-${turn}`;
      await save(name);
      while (!copy.read(TYPES).includes(`Saved as ${name}`)) await running.askedMs(VALID);
      await running.waitForMock(name);
    }
  }
});

test("npm run dev reports the types before the mock follows, type errors in the code, and a mock that dies", async () => {
  using copy = copyOfRepository();
  await using running = await dev(copy);
  const { askedMs, callMock } = running;
  await askedMs(SERVED);
  copy.editContract("filename: training_examples.jsonl", "filename: new.jsonl");
  expect(await askedMs(VALID)).not.toContain(SERVED);
  await running.waitForMock("new.jsonl");

  const index = copy.read("src/index.ts");
  copy.write("src/index.ts", `${index}export const wrong: string = 1;\n`);
  await askedMs("src/index.ts");
  await askedMs("Found 1 error.");
  copy.write("src/index.ts", index);
  await askedMs("Found 0 errors.");

  copy.write(CONTRACT, copy.read(CONTRACT).replaceAll("cancelled", "canceled"));
  await askedMs("src/cancel-upload.ts");

  const prism = execFileSync("pgrep", ["-P", String(running.pid), "-f", "prism"], { encoding: "utf8" });
  process.kill(Number(prism), "SIGKILL");
  await askedMs("✗ The mock has exited; starting it again");
  await askedMs(SERVED);
  expect(await callMock()).toMatchObject({ status: "canceled" });

  expect(await running.interrupt()).toBe(0);
  expect(await callMock()).toBeUndefined();
});

test("ending the npm of npm run dev ends all that it started", async ({ signal }) => {
  using copy = copyOfRepository([
    "src",
    "scripts",
    "openapi",
    "generated",
    "package.json",
    "redocly.yaml",
    "tsconfig.json",
  ]);
  const port = await freePort();
  let hasEnded = false;
  const child = spawn("npm", ["run", "dev", "--", port], { cwd: copy.folder, detached: true });
  try {
    // Until then, something that it started holds its pipes open.
    const closed = once(child, "close", { signal }).then(() => {
      hasEnded = true;
    });
    for await (const line of createInterface(child.stdout)) if (line.includes(SERVED)) break;
    child.stdout.resume();
    child.kill("SIGTERM");
    await closed;
    const callMock = () => fetch(`http://127.0.0.1:${port}`).then(Boolean, () => false);
    await expect.poll(callMock).toBe(false);
  } finally {
    if (!hasEnded) process.kill(-(child.pid ?? 0), "SIGKILL");
  }
});

test.for<[name: string, script: string]>([
  ["dev", DEV],
  ["mock", resolve("scripts/contract/prism.ts")],
])("if its port is in use, npm run %s says so in one sentence and exits", async ([, script]) => {
  await using server = await serve(json(200, {}));
  using copy = copyOfRepository();
  const { port } = new URL(server.url);
  const { exitCode, stdout, stderr } = await run(process.execPath, ["--import", "tsx", script, port], {
    cwd: copy.folder,
  });
  expect(stdout + stderr).not.toMatch(/^ +at /m);
  expect((stdout + stderr).split("\n").filter((line) => line.includes(port))).toEqual([
    expect.stringMatching(new RegExp(`Port ${port} is in use: stop the program .*, or choose another port`)),
  ]);
  expect(exitCode).toBeGreaterThan(0);
});
