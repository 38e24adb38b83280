import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { api, cancelUpload, cli, envFor, exitOf, key, runCommand, start, startProcess } from "../support/cli.js";
import { idOf, json, serve } from "../support/server.js";
import { until } from "../support/timers.js";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cancel-upload-"));
  file = join(folder, "results.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

function linesOf(path: string): { upload_id: string; ok: boolean }[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

const cancelled = (id: string) => JSON.stringify({ upload_id: id, ok: true, upload: { id, status: "cancelled" } });
const failed = (id: string) => JSON.stringify({ upload_id: id, ok: false, error: { name: "ApiError" } });

test("--resume writes each result to the file, as --json prints it, while the output stays the same", async () => {
  await using server = await api();
  const words = await cancelUpload(server.url, ["--resume", file, "upload_1", "upload_bad"]);
  expect(words).toMatchObject({ exitCode: 1, stderr: "1 cancelled, 1 failed: 404 No such Upload: …\n" });
  expect(words.stdout).toMatch(/^cancelled {2}upload_1 .*\nfailed {5}upload_bad .*\n$/);

  const { stdout } = await cancelUpload(server.url, ["--json", "upload_1", "upload_bad"]);
  expect(readFileSync(file, "utf8")).toBe(stdout);
});

test("a run skips what the file lists as cancelled, tries the rest, and says how many it skipped", async () => {
  await using server = await api();
  writeFileSync(file, [cancelled("upload_1"), failed("upload_2"), cancelled("upload_4"), ""].join("\n"));
  const input = "upload_1\nupload_2\nupload_3\nupload_4\n";
  const first = await cancelUpload(server.url, ["--resume", file, "-"], input);
  expect(server.requests.map(idOf)).toEqual(["upload_2", "upload_3"]);
  expect(first).toMatchObject({ exitCode: 0, stderr: "2 cancelled, 0 failed, 2 skipped (already cancelled)\n" });
  expect(first.stdout).not.toMatch(/upload_[14]/);

  const second = await cancelUpload(server.url, ["--resume", file, "-"], input);
  expect(second).toEqual({ exitCode: 0, stdout: "", stderr: "0 cancelled, 0 failed, 4 skipped (already cancelled)\n" });
  expect(server.requests).toHaveLength(2);
});

describe("the file can have", () => {
  test.for<[string, string, string[]]>([
    ["CRLF line endings", `${cancelled("upload_1")}\r\n${cancelled("upload_2")}\r\n`, ["upload_3"]],
    ["a byte order mark", `\ufeff${cancelled("upload_1")}\n`, ["upload_2", "upload_3"]],
    ["blank lines and other text", `\n# June\n${cancelled("upload_1")}\n[]\nnull\n`, ["upload_2", "upload_3"]],
    [
      "a line separator in a string",
      `{"upload_id":"upload_1","ok":true,"upload":{"filename":"\u2028"}}\n`,
      ["upload_2", "upload_3"],
    ],
    [
      "a failure after a success for the same ID",
      `${cancelled("upload_1")}\n${failed("upload_1")}\n`,
      ["upload_2", "upload_3"],
    ],
    [
      "a success after a failure for the same ID",
      `${failed("upload_1")}\n${cancelled("upload_1")}\n`,
      ["upload_2", "upload_3"],
    ],
    [
      "the output of a dry run",
      `{"upload_id":"upload_1","ok":true,"request":{}}\n`,
      ["upload_1", "upload_2", "upload_3"],
    ],
    ["no newline at its end", cancelled("upload_1"), ["upload_2", "upload_3"]],
  ])("%s", async ([, content, sent]) => {
    await using server = await api();
    writeFileSync(file, content);
    const ids = ["upload_1", "upload_2", "upload_3"];
    const { exitCode } = await cancelUpload(server.url, ["--resume", file, "--concurrency", "1", ...ids]);
    expect(exitCode).toBe(0);
    expect(server.requests.map(idOf)).toEqual(sent);
  });

  test("a torn last line, which is ignored, and the next result starts a new line", async () => {
    await using server = await api();
    const torn = cancelled("upload_2").slice(0, -5);
    writeFileSync(file, `${cancelled("upload_1")}\n${torn}`);
    await cancelUpload(server.url, ["--resume", file, "upload_1", "upload_2"]);
    expect(server.requests.map(idOf)).toEqual(["upload_2"]);
    const lines = readFileSync(file, "utf8").split("\n");
    expect(lines.slice(0, 2)).toEqual([cancelled("upload_1"), torn]);
    expect(JSON.parse(String(lines[2]))).toMatchObject({ upload_id: "upload_2", ok: true });
    expect(lines.slice(3)).toEqual([""]);
  });
});

test("after a stop, the same command continues, and every ID is cancelled exactly once", async () => {
  const answers: (() => void)[] = [];
  const ids = Array.from({ length: 30 }, (_, n) => `upload_${n}`);
  let isHeld = true;
  await using server = await serve((request, response) => {
    const answer = () => json(200, { id: idOf(request), status: "cancelled" })(request, response);
    if (isHeld && server.requests.length > 10) answers.push(answer);
    else answer();
  });
  const input = ids.map((id) => `${id}\n`).join("");
  const { signal, ended } = start(["--resume", file, "--concurrency", "4", "-"], { env: envFor(server.url), input });
  await until(() => answers.length === 4);
  signal("SIGINT");
  isHeld = false;
  for (const answer of answers.splice(0)) answer();
  const first = await ended;
  expect(first.exitCode).toBe(130);
  expect(first.stderr.split("\n").slice(-3)).toEqual([
    "14 cancelled, 0 failed, the rest not tried",
    "To continue, run the same command again.",
    "",
  ]);

  const { exitCode } = await cancelUpload(server.url, ["--resume", file, "-"], input);
  expect(exitCode).toBe(0);
  expect(server.requests.map(idOf).sort()).toEqual([...ids].sort());
  expect(
    linesOf(file)
      .map(({ upload_id }) => upload_id)
      .sort(),
  ).toEqual([...ids].sort());
});

test("a result that was printed is in the file, even if the command is killed", async () => {
  await using server = await api();
  const child = startProcess(server, ["--resume", file, "-"]);
  let read = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    read += text;
    if (read.split("\n").length > 50) child.kill("SIGKILL");
    else child.stdin.write(`upload_${read.length}\n`);
  });
  child.stdin.write(Array.from({ length: 60 }, (_, n) => `upload_first_${n}\n`).join(""));
  expect(await exitOf(child)).toBe("SIGKILL");
  const printed = read.match(/^cancelled {2}\S+(?=.*\n)/gm)?.map((line) => line.replace("cancelled  ", "")) ?? [];
  const recorded = readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line).upload_id);
  expect(printed.length).toBeGreaterThanOrEqual(50);
  expect(recorded).toEqual(expect.arrayContaining(printed));
});

test("the API key never gets into the file", async () => {
  await using server = await serve(json(200, { id: "upload_1", status: "cancelled", filename: `Bearer ${key}` }));
  await cancelUpload(server.url, ["--resume", file, "upload_1"]);
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ upload: { filename: "Bearer ***" } });
});

describe("a rerun skips what was cancelled,", () => {
  test.for<[string, string, object]>([
    ["a key of digits, and a size with these digits", "123456", { bytes: 1_234_567 }],
    ["a key that is part of a name", "upload", {}],
    ["a key that is part of the IDs", "upload_", {}],
    ["a filename with commands for a terminal", key, { filename: "\u009b2J\u2028\u202e" }],
  ])("with %s", async ([, apiKey, fields]) => {
    await using server = await serve((request, response) =>
      json(200, { id: idOf(request), status: "cancelled", ...fields })(request, response),
    );
    const env = { ...envFor(server.url), OPENAI_API_KEY: apiKey };
    const args = ["--resume", file, "upload_123456", "upload_2"];
    await runCommand(args, { env });
    expect(readFileSync(file, "utf8")).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
    const again = await runCommand(args, { env });
    expect(again).toMatchObject({ exitCode: 0, stderr: "0 cancelled, 0 failed, 2 skipped (already cancelled)\n" });
    expect(server.requests).toHaveLength(2);
  });

  test("even if an Upload holds JSON that is nested deeper than the stack", async () => {
    await using server = await serve((request, response) => {
      const nested = `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`;
      response.end(`{ "id": "${idOf(request)}", "status": "cancelled", "new": ${nested} }`);
    });
    const args = ["--resume", file, ...Array.from({ length: 8 }, (_, n) => `upload_${n}`)];
    expect(await cancelUpload(server.url, args)).toMatchObject({ exitCode: 0, stderr: "8 cancelled, 0 failed\n" });
    const { stderr } = await cancelUpload(server.url, args);
    expect(stderr).toBe("0 cancelled, 0 failed, 8 skipped (already cancelled)\n");
    expect(server.requests).toHaveLength(8);
  });
});

test("a dry run skips what is cancelled, and neither creates nor changes the file", async () => {
  await using server = await api();
  await cancelUpload(server.url, ["--dry-run", "--resume", file, "upload_1"]);
  expect(() => readFileSync(file)).toThrow("ENOENT");
  writeFileSync(file, cancelled("upload_1"));
  const { stdout, stderr } = await cancelUpload(server.url, ["--dry-run", "--resume", file, "upload_1", "upload_2"]);
  expect(stdout).toMatch(/^POST .*upload_2.*\n$/);
  expect(stderr).toBe("1 would be sent, 0 failed, 1 skipped (already cancelled)\n");
  expect(readFileSync(file, "utf8")).toBe(cancelled("upload_1"));
});

test("a file that can't be used is a usage error, and nothing is sent", async () => {
  await using server = await api();
  mkdirSync(join(folder, "directory"));
  for (const [path, problem] of [
    ["directory", "EISDIR: illegal operation on a directory, open"],
    ["missing/results.jsonl", "ENOENT: no such file or directory, open"],
    ["/dev/full", "/dev/full is not a regular file"],
  ] as const) {
    const { exitCode, stdout, stderr } = await cancelUpload(server.url, [
      "--resume",
      resolve(folder, path),
      "upload_1",
    ]);
    expect(stderr).toContain(`error: ${problem}`);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect([exitCode, stdout]).toEqual([2, ""]);
  }
  expect(server.requests).toHaveLength(0);
});

test("if a result can't be written to the file, nothing more is sent, and requests in flight are still printed", async () => {
  await using server = await api();
  // No file may grow beyond 2 KiB.
  const command = `trap '' XFSZ; ulimit -f 4; exec "${process.execPath}" ${resolve(cli)} --resume ${file} -`;
  const input = Array.from({ length: 200 }, (_, n) => `upload_${n}\n`).join("");
  const child = spawn("sh", ["-c", command], { env: { ...process.env, ...envFor(server.url) } });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  await once(child, "close");
  expect(stderr).toMatch(/^error: --resume: EFBIG: file too large, write\n\d+ cancelled, .*the rest not tried\n/);
  expect(child.exitCode).toBe(1);
  expect(server.requests.length).toBeLessThan(200);
  expect(stdout.match(/^cancelled/gm)).toHaveLength(server.requests.length);
  const recorded = readFileSync(file, "utf8").split("\n").slice(0, -1);
  expect(recorded.length).toBeGreaterThan(1);

  // The torn line is repaired by the next run.
  const again = await cancelUpload(server.url, ["--resume", file, "-"], input);
  expect(again).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`, ${recorded.length} skipped (`) });
});
