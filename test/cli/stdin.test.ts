import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { api, cancelUpload, cli, envFor, exitOf, key, start } from "../support/cli.js";
import { run } from "../support/run.js";
import { idOf, json, type Server, serve } from "../support/server.js";

function idsSentTo(server: Server): string[] {
  return server.requests.map(idOf);
}

test("there is one ID per line; blank lines and comments are skipped, and CRLF or a missing last newline is fine", async () => {
  await using server = await api();
  const input = "\ufeffupload_1\r\n\r\n# from March:\n  upload_2  \n  # upload_4\n\nupload_3";
  const { exitCode, stderr } = await cancelUpload(server.url, ["-"], input);
  expect(idsSentTo(server)).toEqual(["upload_1", "upload_2", "upload_3"]);
  expect(stderr).toBe("3 cancelled, 0 failed\n");
  expect(exitCode).toBe(0);
});

test("an ID can arrive in two chunks", async () => {
  await using server = await api();
  const child = start(server, ["-"]);
  child.stdin.write("upload_1\nuplo");
  await once(createInterface(child.stdout), "line");
  child.stdin.end("ad_2\n");
  expect(await exitOf(child)).toBe(0);
  expect(idsSentTo(server)).toEqual(["upload_1", "upload_2"]);
});

test("a line that isn't an ID fails with its line number, and the run goes on", async () => {
  await using server = await api();
  const input = 'upload_1\n{"id": "upload_2"}\n..\nnull\nundefined\nupload_3\n';
  const { exitCode, stdout, stderr } = await cancelUpload(server.url, ["-"], input);
  expect(stdout.split("\n").sort()).toEqual([
    "",
    "cancelled  upload_1  training_examples.jsonl  2.15 GB",
    "cancelled  upload_3  training_examples.jsonl  2.15 GB",
    'failed     line 2  not an upload ID: "{\\"id\\": \\"upload_2\\"}"',
    'failed     line 3  not an upload ID: ".."',
    'failed     line 4  not an upload ID: "null"',
    'failed     line 5  not an upload ID: "undefined"',
  ]);
  expect(stderr).toBe("2 cancelled, 4 failed: not an upload ID\n");
  expect(exitCode).toBe(1);
  const inJson = await cancelUpload(server.url, ["--json", "-"], "{}");
  expect(JSON.parse(inJson.stdout)).toMatchObject({
    upload_id: "{}",
    ok: false,
    error: { name: "TypeError", line: 1 },
  });
});

test.for([
  ["nothing", ""],
  ["only comments", "# none\n\n"],
])("%s in it is an error, with exit code 1", async ([, input = ""]) => {
  await using server = await api();
  expect(await cancelUpload(server.url, ["-"], input)).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "error: there is no upload ID in standard input\n0 cancelled, 0 failed\n",
  });
});

test("an ID that is given twice is sent once, and reported as a duplicate", async () => {
  await using server = await api();
  const { exitCode, stderr } = await cancelUpload(
    server.url,
    ["upload_1", "-"],
    "upload_2\nupload_2\nupload_1\n5\n5\n",
  );
  expect(stderr).toBe(
    [
      "line 2: skipped upload_2, a duplicate\n",
      "line 3: skipped upload_1, a duplicate\n",
      "line 5: skipped 5, a duplicate\n",
      "3 cancelled, 0 failed\n",
    ].join(""),
  );
  expect(exitCode).toBe(0);
  expect(server.requests).toHaveLength(3);
});

test("the first cancel starts as soon as the first line arrives", async () => {
  await using server = await api();
  const child = start(server, ["-"]);
  child.stdin.write("upload_1\n");
  const [line] = await once(createInterface(child.stdout), "line");
  expect(line).toMatch(/^cancelled {2}upload_1 /);
  child.stdin.end();
  await exitOf(child);
});

describe("what can't be a list of IDs is a usage error, and nothing is sent:", () => {
  test.for<[string, string, string]>([
    ["a directory", "< .", "standard input is a directory"],
    ["closed", "<&-", "standard input is closed or /dev/null"],
    ["/dev/null", "< /dev/null", "standard input is closed or /dev/null"],
    ["UTF-16, little-endian", `< "$folder/utf-16le"`, "standard input is UTF-16; convert it first: iconv -f UTF-16"],
    ["UTF-16, big-endian", `< "$folder/utf-16be"`, "standard input is UTF-16; convert it first: iconv -f UTF-16"],
    [
      "UTF-16 from a pipe",
      `< <(cat "$folder/utf-16le")`,
      "standard input is UTF-16; convert it first: iconv -f UTF-16",
    ],
    ["a file with an API key", `< "$folder/key"`, "line 3 of standard input is an API key, not an upload ID"],
  ])("%s", async ([, redirection, problem]) => {
    await using server = await api();
    const folder = mkdtempSync(join(tmpdir(), "cancel-upload-"));
    try {
      const littleEndian = Buffer.from("\ufeffupload_1\r\nupload_2\r\n", "utf16le");
      writeFileSync(join(folder, "utf-16le"), littleEndian);
      writeFileSync(join(folder, "utf-16be"), Buffer.from(littleEndian).swap16());
      writeFileSync(join(folder, "key"), `upload_1\n\n${key}\n`);
      const command = `"${process.execPath}" ${cli} - ${redirection}`;
      const { exitCode, stdout, stderr } = await run("bash", ["-c", command], {
        env: { ...envFor(server.url), folder },
      });
      expect(stderr).toMatch(/^error: /);
      expect(stderr).toContain(problem);
      expect(stderr).not.toContain(key);
      expect([exitCode, stdout]).toEqual([2, ""]);
      expect(server.requests).toHaveLength(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("an API key in the middle of the input stops the run before it is sent:", () => {
  test.for<[string, string]>([
    ["the key from the environment", key],
    ["another key", "sk-proj-0123456789"],
    ["an assignment", `export OPENAI_API_KEY="${key}"`],
    ["a header", `Authorization: Bearer ${key}`],
    ["JSON", `{"key":"${key}"}`],
  ])("%s", async ([, line]) => {
    const answers: (() => void)[] = [];
    await using server = await serve((request, response) => {
      answers.push(() => json(200, { id: idOf(request), status: "cancelled" })(request, response));
    });
    const child = start(server, ["-"]);
    child.stdin.write("upload_1\n");
    while (answers.length < 1) await new Promise(setImmediate);
    const output: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output.push(data));
    child.stdin.end(`${line}\nupload_2\n`);
    await new Promise(setImmediate);
    answers[0]?.();
    expect(await exitOf(child)).toBe(2);
    const text = Buffer.concat(output).toString();
    expect(text).toContain("cancelled  upload_1\n");
    expect(text).toContain("error: line 2 of standard input is an API key, not an upload ID");
    expect(text).toContain("1 cancelled, 0 failed, the rest not tried\n");
    expect(text).not.toContain("sk-");
    expect(idsSentTo(server)).toEqual(["upload_1"]);
  });
});

test("an ID that only looks a bit like an API key is an ID", async () => {
  await using server = await api();
  const ids = ["upload_sk-1", "task-1", "risk-upload"];
  expect(await cancelUpload(server.url, ["-"], ids.join("\n"))).toMatchObject({ exitCode: 0 });
  expect(idsSentTo(server)).toEqual(ids);
});

describe("a line that is too long to be an ID", () => {
  test("isn't kept: with 64 MB of memory, it can have 200 MB", async () => {
    await using server = await api();
    const command = `(echo upload_1; head -c 200000000 /dev/zero | tr '\\0' a; echo; echo upload_2) |
      "${process.execPath}" --max-old-space-size=64 ${cli} -`;
    const { exitCode, stdout } = await run("bash", ["-c", command], { env: envFor(server.url) });
    expect(stdout).toMatch(/^failed {5}line 2 {2}not an upload ID: "a{300}…"$/m);
    expect(stdout.match(/^cancelled/gm)).toHaveLength(2);
    expect(exitCode).toBe(1);
  });

  test("doesn't become an ID because its end is cut off", async () => {
    await using server = await api();
    const child = start(server, ["-"]);
    child.stdin.write(`upload_1\nupload_2${" ".repeat(2_000)}`);
    await once(createInterface(child.stdout), "line");
    child.stdin.end(`${" ".repeat(2_000)}x\n${" ".repeat(100_000)}upload_3\n`);
    expect(await exitOf(child)).toBe(1);
    expect(idsSentTo(server)).toEqual(["upload_1", "upload_3"]);
  });
});
