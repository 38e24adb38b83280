import { createReadStream, openSync } from "node:fs";
import { link, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { api, cancelUpload, cli, envFor, key, runCommand, start } from "../support/cli.js";
import { run } from "../support/run.js";
import { idOf, json, type Server, serve } from "../support/server.js";

const HINT = "With --resume <file>, a run can be continued.";

/** A file in a folder of its own. */
async function temporaryFile(content: Buffer) {
  const folder = await mkdtemp(join(tmpdir(), "cancel-upload-"));
  const path = join(folder, "ids.txt");
  await writeFile(path, content);
  return {
    path,
    open() {
      const fd = openSync(path, "r");
      return Object.assign(createReadStream(path, { fd }), { fd });
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

function idsSentTo(server: Server): string[] {
  return server.requests.map(idOf);
}

test("if it's a file, a terminal shows the total from the start", async () => {
  await using server = await api();
  await using file = await temporaryFile(Buffer.from("# June\nupload_1\n\nupload_2\nupload_2\n"));
  const { stderr } = await runCommand(["-"], { env: envFor(server.url), stdin: file.open(), columns: 80 });
  expect(stderr).toMatch(/^0 of 3/);
  expect(stderr).toMatch(/2 cancelled, 0 failed\n$/);
});

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
  const { stdin, until, ended } = start(["-"], { env: envFor(server.url) });
  stdin.write("upload_1\nuplo");
  await until(({ stdout }) => stdout !== "");
  stdin.end("ad_2\n");
  expect(await ended).toMatchObject({ exitCode: 0 });
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
    stderr: "error: no upload ID in standard input\n0 cancelled, 0 failed\n",
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
  const { stdin, until, printed, ended } = start(["-"], { env: envFor(server.url) });
  stdin.write("upload_1\n");
  await until(({ stdout }) => stdout !== "");
  expect(printed.stdout).toMatch(/^cancelled {2}upload_1 /);
  stdin.end();
  await ended;
});

describe("what can't be a list of IDs is a usage error, and nothing is sent:", () => {
  const utf16 = Buffer.from("\ufeffupload_1\r\nupload_2\r\n", "utf16le");
  const useUtf8 = "standard input is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8";

  test.for<[string, Buffer, string]>([
    ["UTF-16, little-endian", utf16, useUtf8],
    ["UTF-16, big-endian", Buffer.from(utf16).swap16(), useUtf8],
    [
      "a file with an API key",
      Buffer.from(`upload_1\n\n${key}\n`),
      "line 3 of standard input is an API key, not an upload ID; the key belongs in OPENAI_API_KEY",
    ],
  ])("%s", async ([, content, problem]) => {
    await using server = await api();
    await using file = await temporaryFile(content);
    const ended = await runCommand(["-"], { env: envFor(server.url), stdin: file.open() });
    expect(ended).toEqual({ exitCode: 2, stdout: "", stderr: `error: ${problem}\n(see cancel-upload --help)\n` });
    expect(server.requests).toHaveLength(0);
  });

  test("UTF-16 from a pipe, as soon as it arrives", async () => {
    await using server = await api();
    const stdin = Readable.from([utf16], { objectMode: false });
    const { exitCode, stderr } = await runCommand(["-"], { env: envFor(server.url), stdin });
    expect([exitCode, stderr]).toEqual([2, `error: ${useUtf8}\n0 cancelled, 0 failed, the rest not tried\n${HINT}\n`]);
    expect(server.requests).toHaveLength(0);
  });

  test.for<[string, string, string]>([
    ["a directory", ".", "standard input is a directory"],
    ["/dev/null", "/dev/null", "standard input is closed or /dev/null"],
  ])("%s", async ([, path, problem]) => {
    const stdin = Object.assign(new PassThrough(), { fd: openSync(path, "r") });
    const ended = await runCommand(["-"], { env: envFor("http://127.0.0.1/v1"), stdin });
    expect(ended).toEqual({ exitCode: 2, stdout: "", stderr: `error: ${problem}\n(see cancel-upload --help)\n` });
  });

  test("closed", async () => {
    const command = `"${process.execPath}" ${cli} - <&-`;
    const { exitCode, stderr } = await run("sh", ["-c", command], { env: envFor("http://127.0.0.1/v1") });
    expect(stderr).toContain("error: standard input is closed or /dev/null\n");
    expect(exitCode).toBe(2);
  });

  test.for(["ids.txt", "link.txt"])("the file that results are appended to, as %s", async (name) => {
    await using server = await api();
    await using file = await temporaryFile(Buffer.from("upload_1\n"));
    const resultsFile = join(dirname(file.path), name);
    if (name === "link.txt") await link(file.path, resultsFile);
    const args = ["--resume", resultsFile, "-"];
    const { exitCode, stderr } = await runCommand(args, { env: envFor(server.url), stdin: file.open() });
    expect(stderr).toContain(
      "error: standard input and the file of --resume are the same file: results would be read as IDs\n",
    );
    expect(exitCode).toBe(2);
    expect(await readFile(file.path, "utf8")).toBe("upload_1\n");
    expect(server.requests).toHaveLength(0);
  });

  test("the file that the output is appended to", async () => {
    await using server = await api();
    await using file = await temporaryFile(Buffer.from("upload_1\n"));
    const command = `"${process.execPath}" ${cli} - < ${file.path} >> ${file.path}`;
    const { exitCode, stderr } = await run("sh", ["-c", command], { env: envFor(server.url) });
    expect(stderr).toContain(
      "error: standard input and standard output are the same file: results would be read as IDs\n",
    );
    expect(exitCode).toBe(2);
    expect(await readFile(file.path, "utf8")).toBe("upload_1\n");
    expect(server.requests).toHaveLength(0);
  });
});

describe("an API key in the middle of the input stops the run before it is sent:", () => {
  test.for<[string, string]>([
    ["the key from the environment", key],
    ["another key", "sk-proj-0123456789"],
    ["an assignment", `export OPENAI_API_KEY="${key}"`],
    ["a header", `Authorization: Bearer ${key}`],
    ["JSON", `{"key":"${key}"}`],
    ["an ID with the key in it", `upload_${key}_1`],
  ])("%s", async ([, line]) => {
    const answers: (() => void)[] = [];
    await using server = await serve((request, response) => {
      answers.push(() => json(200, { id: idOf(request), status: "cancelled" })(request, response));
    });
    const { stdin, ended } = start(["-"], { env: envFor(server.url) });
    stdin.write("upload_1\n");
    while (answers.length < 1) await new Promise(setImmediate);
    stdin.end(`${line}\nupload_2\n`);
    await new Promise(setImmediate);
    answers[0]?.();
    expect(await ended).toEqual({
      exitCode: 2,
      stdout: "cancelled  upload_1\n",
      stderr: [
        "error: line 2 of standard input is an API key, not an upload ID; the key belongs in OPENAI_API_KEY",
        "1 cancelled, 0 failed, the rest not tried",
        `${HINT}\n`,
      ].join("\n"),
    });
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
  test("isn't kept: with 64 MB of memory, it can have 100 MB", async () => {
    await using server = await api();
    const command = `(echo upload_1; head -c 100000000 /dev/zero | tr '\\0' a; echo; echo upload_2) |
      "${process.execPath}" --max-old-space-size=64 ${cli} -`;
    const { exitCode, stdout } = await run("bash", ["-c", command], { env: envFor(server.url) });
    expect(stdout).toMatch(/^failed {5}line 2 {2}not an upload ID: "a{300}…"$/m);
    expect(stdout.match(/^cancelled/gm)).toHaveLength(2);
    expect(exitCode).toBe(1);
  });

  test("doesn't become an ID because its end is cut off", async () => {
    await using server = await api();
    const { stdin, until, ended } = start(["-"], { env: envFor(server.url) });
    stdin.write(`upload_1\nupload_2${" ".repeat(2_000)}`);
    await until(({ stdout }) => stdout !== "");
    stdin.end(`${" ".repeat(2_000)}x\n${" ".repeat(100_000)}upload_3\n`);
    expect(await ended).toMatchObject({ exitCode: 1 });
    expect(idsSentTo(server)).toEqual(["upload_1", "upload_3"]);
  });
});
