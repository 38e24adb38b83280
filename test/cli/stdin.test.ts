import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { api, cancelUpload, cli, envFor, exitOf, start } from "../support/cli.js";
import { run } from "../support/run.js";
import { idOf, json, type Server, serve } from "../support/server.js";

function idsSentTo(server: Server): string[] {
  return server.requests.map(idOf);
}

test("there is one ID per line; blank lines and comments are skipped, and CRLF or a missing last newline do no harm", async () => {
  await using server = await api();
  const input = "\ufeffupload_1\r\n\r\n# from March:\n  upload_2  \n  # upload_4\n\nupload_3";
  const { exitCode, stderr } = await cancelUpload(server.url, ["-"], input);
  expect(idsSentTo(server)).toEqual(["upload_1", "upload_2", "upload_3"]);
  expect(stderr).toBe("3 cancelled, 0 failed\n");
  expect(exitCode).toBe(0);
});

test("an ID may arrive in two chunks", async () => {
  await using server = await api();
  const child = start(server, ["-"]);
  child.stdin.write("upload_1\nuplo");
  await once(createInterface(child.stdout), "line");
  child.stdin.end("ad_2\n");
  expect(await exitOf(child)).toBe(0);
  expect(idsSentTo(server)).toEqual(["upload_1", "upload_2"]);
});

test("a line that isn't an ID fails with its line number, and the rest goes on", async () => {
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
  expect(stderr).toBe("2 cancelled, 4 failed\n");
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
])("%s in it is an error in one sentence, with exit code 1", async ([, input = ""]) => {
  await using server = await api();
  expect(await cancelUpload(server.url, ["-"], input)).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "error: there is no upload ID in standard input\n0 cancelled, 0 failed\n",
  });
});

test("an ID that is given twice is sent once, with a note", async () => {
  await using server = await api();
  const { exitCode, stderr } = await cancelUpload(
    server.url,
    ["upload_1", "-"],
    "upload_2\nupload_2\nupload_1\n5\n5\n",
  );
  expect(stderr).toBe(
    [
      "line 2: upload_2 was given before, and is sent once\n",
      "line 3: upload_1 was given before, and is sent once\n",
      "line 5: 5 was given before, and is sent once\n",
      "3 cancelled, 0 failed\n",
    ].join(""),
  );
  expect(exitCode).toBe(0);
  expect(server.requests).toHaveLength(3);
});

test("the first cancel starts as soon as the first line is there", async () => {
  await using server = await api();
  const child = start(server, ["-"]);
  child.stdin.write("upload_1\n");
  const [line] = await once(createInterface(child.stdout), "line");
  expect(line).toMatch(/^cancelled {2}upload_1 /);
  child.stdin.end();
  await exitOf(child);
});

describe("a run can be resumed", () => {
  /** Runs a line of the help in a shell. */
  async function shell(server: Server, folder: string, line: string): Promise<void> {
    const command = line.replaceAll("cancel-upload", `"${process.execPath}" "${resolve(cli)}"`);
    await run("sh", ["-c", command], { cwd: folder, env: envFor(server.url) });
  }

  test("with the commands that --help shows: for those that failed, and those that were not reached", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cancel-upload-"));
    try {
      let isFixed = false;
      await using server = await serve((request, response) => {
        const id = idOf(request);
        const isRefused = !isFixed && id.endsWith("3");
        json(isRefused ? 404 : 200, { id, status: "cancelled" })(request, response);
      });
      const all = Array.from({ length: 30 }, (_, n) => `upload_${n}`);
      const results = () =>
        readFileSync(join(folder, "results.jsonl"), "utf8")
          .trim()
          .split("\n")
          .map((line): { upload_id: string; ok: boolean } => JSON.parse(line));
      const { stdout: help } = await run(process.execPath, [cli, "--help"]);
      const [first, again] = help
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line.includes("results.jsonl"));

      // As if the first run had been stopped after 20 lines.
      writeFileSync(join(folder, "ids.txt"), `${all.slice(0, 20).join("\n")}\n`);
      await shell(server, folder, first ?? "");
      expect(results().filter(({ ok }) => ok)).toHaveLength(18);
      writeFileSync(join(folder, "ids.txt"), `${all.join("\n")}\n`);
      isFixed = true;
      await shell(server, folder, again ?? "");

      const cancelled = results().filter(({ ok }) => ok);
      expect(cancelled.map(({ upload_id }) => upload_id).sort()).toEqual(all.sort());
      expect(server.requests).toHaveLength(20 + 2 + 10);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("a line takes no more than 100 bytes of memory", async () => {
  /** In bytes, of what is in use after so many lines. */
  const memoryAfter = async (lines: number) => {
    const script = `
      const write = process.stdout.write.bind(process.stdout);
      let printed = 0;
      const report = async () => {
        for (let turn = 0; turn < 10; turn += 1) {
          gc();
          await new Promise((resolve) => setTimeout(resolve, 10)); // Finalizers run, and free more.
        }
        const { heapUsed, external } = process.memoryUsage();
        console.error("bytes:", heapUsed + external);
      };
      process.stdout.write = (...args) => {
        const before = printed;
        printed += String(args[0]).split("\\n").length - 1;
        if (before < ${lines} && printed >= ${lines}) void report();
        return write(...args);
      };
      await import("./${cli}");`;
    const args = ["--expose-gc", "--input-type=module", "--eval", script, "--", "--dry-run", "-"];
    const input = Array.from({ length: lines + 5_000 }, (_, n) => `upload_${String(n).padStart(32, "0")}\n`).join("");
    const { stderr } = await run(process.execPath, args, { env: envFor("https://api.openai.com/v1"), input });
    return Number(/bytes: (\d+)/.exec(stderr)?.[1]);
  };
  const [few, many] = await Promise.all([memoryAfter(1_000), memoryAfter(11_000)]);
  expect((many - few) / 10_000).toBeLessThan(100);
}, 60_000);
