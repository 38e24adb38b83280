import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { spawn as spawnInTerminal } from "@lydell/node-pty";
import { describe, expect, inject, test } from "vitest";
import { cancelledUpload } from "./support/contract.js";
import { type Ended, run } from "./support/run.js";
import { json, type Server, serve } from "./support/server.js";

const key = "sk-secret-0123456789";
const cli = "dist/cli.js";

function envFor(url: string): Record<string, string> {
  return { OPENAI_API_KEY: key, OPENAI_BASE_URL: url };
}

function cancelUpload(url: string, args: readonly string[], input?: string): Promise<Ended> {
  return run(process.execPath, [cli, ...args], { env: envFor(url), ...(input !== undefined && { input }) });
}

/** Cancels each Upload, but says no to those whose ID has "bad" in it. */
function api(): Promise<Server> {
  return serve((request, response) => {
    const id = request.url?.split("/").at(-2) ?? "";
    const refusal = { message: `No such Upload: ${id}`, type: "invalid_request_error", param: "upload_id", code: null };
    if (id.includes("bad")) return json(404, { error: refusal }, { "x-request-id": "req_1" })(request, response);
    const upload = {
      id,
      object: "upload",
      filename: "training_examples.jsonl",
      bytes: 2147483648,
      status: "cancelled",
    };
    return json(200, upload)(request, response);
  });
}

function urls(server: Server): (string | undefined)[] {
  return server.requests.map(({ url }) => url);
}

describe("standard output is a line for each upload", () => {
  test("in words", async () => {
    await using server = await api();
    expect(await cancelUpload(server.url, ["upload_1", "upload_bad"])).toEqual({
      exitCode: 1,
      stdout: [
        "cancelled  upload_1  training_examples.jsonl  2.1 GB\n",
        "failed     upload_bad  404 No such Upload: upload_bad (request: req_1, attempts: 1)\n",
      ].join(""),
      stderr: "1 cancelled, 1 failed\n",
    });
  });

  test("with --json as one object, the Upload or the error", async () => {
    await using server = await api();
    const { exitCode, stdout, stderr } = await cancelUpload(server.url, ["upload_bad", "--json"]);
    expect(exitCode).toBe(1);
    expect(stderr).toBe("0 cancelled, 1 failed\n");
    expect(JSON.parse(stdout)).toEqual({
      upload_id: "upload_bad",
      error: {
        name: "ApiError",
        message: "404 No such Upload: upload_bad (request: req_1, attempts: 1)",
        status: 404,
        code: null,
        type: "invalid_request_error",
        param: "upload_id",
        request_id: "req_1",
        retry_after_ms: null,
        attempts: 1,
      },
    });
    const success = await cancelUpload(inject("prismUrl"), ["--json", "upload_abc123"]);
    expect(JSON.parse(success.stdout)).toEqual(cancelledUpload);
    expect(success.exitCode).toBe(0);
  });

  test("in which nothing that the API says is a command to the terminal", async () => {
    const upload = { id: "upload_1", status: "cancelled", filename: "a\u001b[2J\nb", bytes: "many" };
    await using server = await serve(json(200, upload));
    const { stdout } = await cancelUpload(server.url, ["upload_1"]);
    expect(stdout).toBe("cancelled  upload_1  a [2J b\n");
  });
});

test("--dry-run says what would be sent, hides the key, and sends nothing", async () => {
  await using server = await api();
  const words = await cancelUpload(server.url, ["--dry-run", "upload_1", "upload_2"]);
  expect(words).toEqual({
    exitCode: 0,
    stdout: ["upload_1", "upload_2"]
      .map((id) => `POST  ${server.url}/uploads/${id}/cancel  authorization: Bearer ***\n`)
      .join(""),
    stderr: "2 would be sent, 0 failed\n",
  });
  const { stdout } = await cancelUpload(server.url, ["--dry-run", "--json", "upload_1"]);
  expect(JSON.parse(stdout)).toEqual({
    upload_id: "upload_1",
    request: {
      method: "POST",
      url: `${server.url}/uploads/upload_1/cancel`,
      headers: { authorization: "Bearer ***" },
    },
  });
  expect(server.requests).toHaveLength(0);
});

describe("a usage error is one sentence, exit code 2, and nothing is sent", () => {
  test.for<[string, string[], string]>([
    ["no upload", [], "missing required argument 'upload_id'"],
    ["an empty id", [""], '"" is no upload ID'],
    ["an id with a space", ["upload_1 upload_2"], '"upload_1 upload_2" is no upload ID'],
    ["a path", [".."], '".." is no upload ID'],
    ["a text that no ID is as long as", ["a".repeat(257)], "is no upload ID"],
    ["standard input twice", ["-", "-"], "- can be given only once"],
    ["an unknown option", ["--api-key", "x", "upload_1"], "unknown option '--api-key'"],
    ["--concurrency 0", ["--concurrency", "0", "upload_1"], "Expected a whole number, 1 or more."],
    ["--concurrency many", ["--concurrency", "many", "upload_1"], "Expected a whole number, 1 or more."],
    ["--max-retries -1", ["--max-retries=-1", "upload_1"], "Expected a whole number, 0 or more."],
    ["--timeout soon", ["--timeout", "soon", "upload_1"], "Expected a time such as 30s, 500ms or 2m"],
    ["--timeout 100 days", ["--timeout", "144000m", "upload_1"], "--timeout must be a whole number from 0"],
    ["--base-url localhost", ["--base-url", "localhost", "upload_1"], "--base-url must be an http(s) URL"],
  ])("%s", async ([, args, sentence]) => {
    await using server = await api();
    const { exitCode, stdout, stderr } = await cancelUpload(server.url, args);
    expect(stderr).toContain(`${sentence}`);
    expect(stderr).toMatch(/^error: .+\n\(cancel-upload --help says more\)\n$/);
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
    expect(server.requests).toHaveLength(0);
  });

  test.for([
    ["no key", "", "error: there is no API key: set OPENAI_API_KEY\n"],
    ["a key that can't be sent", "sk-sécret", "error: OPENAI_API_KEY must be visible ASCII characters"],
  ] as const)("%s", async ([, apiKey, sentence]) => {
    const { exitCode, stdout, stderr } = await run(process.execPath, [cli, "upload_1"], {
      env: { OPENAI_API_KEY: apiKey },
    });
    expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/s.cret|\n {4}at /);
    expect([exitCode, stdout]).toEqual([2, ""]);
  });
});

test("--help and --version go to standard output, with exit code 0", async () => {
  const help = await run(process.execPath, [cli, "--help"]);
  expect(help).toMatchObject({ exitCode: 0, stderr: "", stdout: expect.stringContaining("Usage: cancel-upload") });
  expect(help.stdout).not.toContain("--api-key");
  expect(await run(process.execPath, [cli, "--version"])).toEqual({ exitCode: 0, stderr: "", stdout: "0.1.0\n" });
});

test("numbers and times are taken as a person types them", async () => {
  await using server = await api();
  const args = ["--concurrency", "1_000", "--timeout", "1.5s", "--max-retries", "0", "upload_1"];
  expect(await cancelUpload(server.url, args)).toMatchObject({ exitCode: 0 });

  await using silent = await serve(() => {});
  const { stdout } = await cancelUpload(silent.url, ["--timeout", "0.1s", "--max-retries", "0", "upload_1"]);
  expect(stdout).toBe("failed     upload_1  no answer within 100 ms (attempts: 1)\n");
});

describe("from standard input", () => {
  test("it takes an id a line, passes blank lines over, and minds neither CRLF nor a missing end", async () => {
    await using server = await api();
    const { exitCode, stderr } = await cancelUpload(
      server.url,
      ["-"],
      "\ufeffupload_1\r\n\r\n  upload_2  \n\nupload_3",
    );
    expect(urls(server)).toEqual([1, 2, 3].map((n) => `/v1/uploads/upload_${n}/cancel`));
    expect(stderr).toBe("3 cancelled, 0 failed\n");
    expect(exitCode).toBe(0);
  });

  test("a line that is no id is one failed result with its number, and the rest goes on", async () => {
    await using server = await api();
    const input = 'upload_1\n{"id": "upload_2"}\n..\nupload_3\n';
    const { exitCode, stdout, stderr } = await cancelUpload(server.url, ["-"], input);
    expect(stdout.split("\n").sort()).toEqual([
      "",
      "cancelled  upload_1  training_examples.jsonl  2.1 GB",
      "cancelled  upload_3  training_examples.jsonl  2.1 GB",
      'failed     line 2  no upload ID but "{\\"id\\": \\"upload_2\\"}"',
      'failed     line 3  no upload ID but ".."',
    ]);
    expect(stderr).toBe("2 cancelled, 2 failed\n");
    expect(exitCode).toBe(1);
    const inJson = await cancelUpload(server.url, ["--json", "-"], "{}");
    expect(JSON.parse(inJson.stdout)).toMatchObject({ upload_id: "{}", error: { name: "TypeError", line: 1 } });
  });

  test("an id given twice is sent once, and said so", async () => {
    await using server = await api();
    const { exitCode, stderr } = await cancelUpload(server.url, ["upload_1", "-"], "upload_2\nupload_2\nupload_1\n");
    expect(stderr).toBe(
      "line 2: upload_2 was given before, and is sent once\nline 3: upload_1 was given before, and is sent once\n2 cancelled, 0 failed\n",
    );
    expect(exitCode).toBe(0);
    expect(server.requests).toHaveLength(2);
  });

  test("the first cancel starts with the first line", async () => {
    await using server = await api();
    const child = start(server, ["-"]);
    child.stdin.write("upload_1\n");
    const [line] = await once(createInterface(child.stdout), "line");
    expect(line).toMatch(/^cancelled {2}upload_1 /);
    child.stdin.end();
    await once(child, "close");
  });

  // A million take minutes, and 16 MB more: 8 bytes for each, in a table that is at most half full.
  test("thirty thousand lines stay within 130 MB", async () => {
    const script = `
      process.on("exit", () => console.error("MB:", process.resourceUsage().maxRSS / 1024));
      await import("./${cli}");`;
    const args = ["--input-type=module", "--eval", script, "--", "--dry-run", "-"];
    const input = Array.from({ length: 30_000 }, (_, n) => `upload_${String(n).padStart(32, "0")}\n`).join("");
    const { stderr } = await run(process.execPath, args, { env: envFor("https://api.openai.com/v1"), input });
    expect(stderr).toContain("30000 would be sent, 0 failed");
    expect(Number(/MB: ([\d.]+)/.exec(stderr)?.[1])).toBeLessThan(130);
  }, 60_000);
});

function start(server: Server, args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [cli, ...args], { env: { ...process.env, ...envFor(server.url) } });
}

describe("Ctrl-C", () => {
  /** Answers the first request at once, and later ones when told. */
  function slow() {
    const waiting: (() => void)[] = [];
    const server = serve((request, response) => {
      const answer = () => json(200, { id: request.url?.split("/").at(-2), status: "cancelled" })(request, response);
      waiting.push(answer);
    });
    return { server, waiting };
  }

  test("lets what is in flight end, starts nothing more, and reports: exit code 130", async () => {
    const { server: serving, waiting } = slow();
    await using server = await serving;
    const child = start(server, ["--concurrency", "2", "upload_1", "upload_2", "upload_3"]);
    const stdout = text(child.stdout);
    const stderr = createInterface(child.stderr);
    const said: string[] = [];
    while (waiting.length < 2) await new Promise(setImmediate);
    child.kill("SIGINT");
    for await (const line of stderr) {
      said.push(line);
      for (const answer of waiting.splice(0)) answer();
    }
    expect(said).toEqual([
      "Nothing more is started; waiting for what was sent. Ctrl-C again stops at once.",
      "2 cancelled, 0 failed",
    ]);
    expect((await stdout).split("\n").sort()).toEqual(["", "cancelled  upload_1", "cancelled  upload_2"]);
    expect(child.exitCode ?? (await once(child, "close"))[0]).toBe(130);
    expect(server.requests).toHaveLength(2);
  });

  test("twice stops at once, and says which may have been cancelled", async () => {
    const { server: serving, waiting } = slow();
    await using server = await serving;
    const child = start(server, ["upload_1", "upload_2"]);
    const stdout = text(child.stdout);
    while (waiting.length < 2) await new Promise(setImmediate);
    child.kill("SIGINT");
    await once(child.stderr, "data");
    child.kill("SIGINT");
    const [exitCode] = await once(child, "close");
    expect(exitCode).toBe(130);
    expect((await stdout).split("\n").sort()).toEqual([
      "",
      "failed     upload_1  stopped before it ended; it may have been cancelled",
      "failed     upload_2  stopped before it ended; it may have been cancelled",
    ]);
  });

  test("waits no longer than the time-out", async () => {
    await using server = await serve(() => {});
    const child = start(server, ["--timeout", "300ms", "--max-retries", "9", "upload_1"]);
    const stdout = text(child.stdout);
    while (server.requests.length < 1) await new Promise(setImmediate);
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([130, null]);
    expect(await stdout).toMatch(/^failed {5}upload_1 {2}stopped before it ended/);
  });

  test("ends it while it waits for standard input", async () => {
    await using server = await api();
    const child = start(server, ["-"]);
    child.stdin.write("upload_1\n");
    await once(createInterface(child.stdout), "line");
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([130, null]);
  });
});

test("a reader that leaves early stops it without a word of protest, and nothing more is started", async () => {
  await using server = await api();
  const input = Array.from({ length: 10_000 }, (_, n) => `upload_${n}\n`).join("");
  const pipeline = `node ${cli} - --concurrency 1 | head -1`;
  const { stdout, stderr } = await run("sh", ["-c", pipeline], { env: envFor(server.url), input });
  expect(stdout).toMatch(/^cancelled {2}upload_0 .*\n$/);
  expect(stderr).toMatch(/^\d+ cancelled, 0 failed\n$/);
  expect(server.requests.length).toBeLessThan(10_000);
});

test("standard output that can't be written is one sentence, not a stack, and nothing more is started", async () => {
  await using server = await api();
  const input = Array.from({ length: 1_000 }, (_, n) => `upload_${n}\n`).join("");
  const env = envFor(server.url);
  const { exitCode, stderr } = await run("sh", ["-c", `node ${cli} - >/dev/full`], { env, input });
  expect(stderr).toMatch(/^error: ENOSPC.*\n\d+ cancelled, 0 failed\n$/);
  expect(exitCode).toBe(1);
  expect(server.requests.length).toBeLessThan(1_000);
});

test("standard error that can't be written keeps nothing from being done and reported", async () => {
  await using server = await api();
  const env = envFor(server.url);
  const { exitCode, stdout } = await run("sh", ["-c", `node ${cli} upload_1 upload_1 upload_2 2>/dev/full`], { env });
  expect(stdout.match(/^cancelled/gm)).toHaveLength(2);
  expect(exitCode).toBe(0);
});

test("the key is not shown where a success repeats it", async () => {
  const upload = { id: "upload_1", object: "upload", filename: `Bearer ${key}`, status: "cancelled", echo: key };
  await using server = await serve(json(200, upload));
  expect((await cancelUpload(server.url, ["upload_1"])).stdout).toBe("cancelled  upload_1  Bearer ***\n");
  const { stdout } = await cancelUpload(server.url, ["--json", "upload_1"]);
  expect(JSON.parse(stdout)).toEqual({ ...upload, echo: "***", filename: "Bearer ***" });
});

test("a short key doesn't hide the words that it is part of", async () => {
  await using server = await api();
  const env = { ...envFor(server.url), OPENAI_API_KEY: "cance" };
  const { stdout } = await run(process.execPath, [cli, "upload_1"], { env });
  expect(stdout).toMatch(/^cancelled {2}upload_1 /);
});

describe("an error shows its stack only with --verbose", () => {
  test.for([
    [[], false],
    [["--verbose"], true],
  ] as const)("%j", async ([args, shown]) => {
    await using server = await api();
    const { stdout, stderr } = await cancelUpload(server.url, [...args, "upload_bad"]);
    expect(/\n {4}at /.test(stderr)).toBe(shown);
    expect(stdout).not.toMatch(/\n {4}at /);
    expect(stdout + stderr).not.toContain(key);
  });
});

describe("in a terminal", () => {
  /** Moves the cursor to the start of the line, and clears it. */
  const CLEAR = "\u001b[1G\u001b[2K";

  /** What a terminal of this width shows of the run, and what was written to it. */
  async function inTerminal(
    server: Server,
    args: string[],
    columns: number,
  ): Promise<{ raw: string; shown: (string | undefined)[] }> {
    const terminal = spawnInTerminal(process.execPath, [cli, ...args], {
      cols: columns,
      env: { ...process.env, ...envFor(server.url) },
    });
    let raw = "";
    terminal.onData((data) => {
      raw += data;
    });
    await new Promise((resolve) => terminal.onExit(resolve));
    const shown = raw.split("\r\n").map((line) => line.split(CLEAR).at(-1));
    return { raw, shown };
  }

  test("a progress bar says how far it is, and leaves nothing behind", async () => {
    await using server = await api();
    const { raw, shown } = await inTerminal(server, ["upload_1", "upload_bad", "upload_2"], 100);
    expect(raw).toContain("[----------------------------------------]  0/3  0 cancelled, 0 failed");
    expect(raw).toMatch(/\[#{27}-{13}\] {2}2\/3 {2}/);
    expect(shown.sort()).toEqual([
      "",
      "2 cancelled, 1 failed",
      "cancelled  upload_1  training_examples.jsonl  2.1 GB",
      "cancelled  upload_2  training_examples.jsonl  2.1 GB",
      "failed     upload_bad  404 No such Upload: upload_bad (request: req_1, attempts: 1)",
    ]);
  });

  test("it fits into 40 columns", async () => {
    await using server = await api();
    const { raw } = await inTerminal(server, ["upload_1", "upload_2"], 40);
    const bars = raw.match(/.*\d\/2.*?failed/g) ?? [];
    expect(bars.length).toBeGreaterThan(0);
    for (const bar of bars) expect(bar.length).toBeLessThan(40);
  });

  test("there is none for one upload", async () => {
    await using server = await api();
    const { raw } = await inTerminal(server, ["upload_1"], 80);
    expect(raw).toBe("cancelled  upload_1  training_examples.jsonl  2.1 GB\r\n1 cancelled, 0 failed\r\n");
  });
});
