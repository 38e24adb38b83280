import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { api, cancelUpload, cli, envFor, exitOf, key, start } from "../support/cli.js";
import { run } from "../support/run.js";
import { idOf, json, serve } from "../support/server.js";

const NOTE = "Stopping: waiting for requests in flight, sending no more. A second signal stops immediately.";
const HINT = "With --resume <file>, a run can be continued.";

function uploadIds(count: number): string {
  return Array.from({ length: count }, (_, n) => `upload_${n}\n`).join("");
}

/** A server that responds only when the test says so. */
async function holdAnswers() {
  const answers: (() => void)[] = [];
  const server = await serve((request, response) => {
    answers.push(() => json(200, { id: idOf(request), status: "cancelled" })(request, response));
  });
  return { server, answers };
}

describe.for([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("%s", ([signal, code]) => {
  test(`waits for requests in flight, sends no more, and exits with ${code}`, async () => {
    const { server: held, answers } = await holdAnswers();
    await using server = held;
    const child = start(server, ["--concurrency", "2", "upload_1", "upload_2", "upload_3"]);
    const stdout = text(child.stdout);
    const notes: string[] = [];
    while (answers.length < 2) await new Promise(setImmediate);
    child.kill(signal);
    for await (const line of createInterface(child.stderr)) {
      notes.push(line);
      for (const answer of answers.splice(0)) answer();
    }
    expect(notes).toEqual([NOTE, "2 cancelled, 0 failed, 1 not tried", HINT]);
    expect((await stdout).split("\n").sort()).toEqual(["", "cancelled  upload_1", "cancelled  upload_2"]);
    expect(await exitOf(child)).toBe(code);
    expect(server.requests).toHaveLength(2);
  });

  test("twice stops immediately, and says which Uploads may have been cancelled", async () => {
    const { server: held, answers } = await holdAnswers();
    await using server = held;
    const child = start(server, ["upload_1", "upload_2"]);
    const stdout = text(child.stdout);
    while (answers.length < 2) await new Promise(setImmediate);
    child.kill(signal);
    await once(child.stderr, "data");
    child.kill(signal);
    expect(await exitOf(child)).toBe(code);
    expect((await stdout).split("\n").sort()).toEqual([
      "",
      "failed     upload_1  stopped before it ended; it may have been cancelled",
      "failed     upload_2  stopped before it ended; it may have been cancelled",
    ]);
  });
});

describe("after the first Ctrl-C", () => {
  test("an attempt can still use its whole timeout, and isn't retried", async () => {
    await using server = await serve(() => {});
    const child = start(server, ["--timeout", "300ms", "--max-retries", "9", "upload_1"]);
    const stdout = text(child.stdout);
    while (server.requests.length < 1) await new Promise(setImmediate);
    child.kill("SIGINT");
    expect(await exitOf(child)).toBe(130);
    expect(await stdout).toBe("failed     upload_1  no response within 300 ms (attempts: 1)\n");
    expect(server.requests).toHaveLength(1);
  });

  test("an Upload that waits because of a 429 isn't sent again, and fails with that 429", async () => {
    await using server = await serve(json(429, { error: { message: "Slow down" } }, { "retry-after": "30" }));
    const child = start(server, ["--verbose", "--concurrency", "2", "upload_1", "upload_2", "upload_3"]);
    const stdout = text(child.stdout);
    const lines = createInterface(child.stderr);
    const notes: string[] = [];
    lines.on("line", (line) => notes.push(line));
    while (notes.length < 2) await once(lines, "line");
    child.kill("SIGINT");
    expect(await exitOf(child)).toBe(130);
    expect((await stdout).split("\n").sort()).toEqual([
      "",
      "failed     upload_1  429 Slow down (attempts: 1)",
      "failed     upload_2  429 Slow down (attempts: 1)",
    ]);
    expect(notes.slice(0, 2)).toEqual(Array(2).fill(expect.stringMatching(/; trying again in 30\.0 s$/)));
    expect(notes[2]).toBe(NOTE);
    expect(notes.slice(-2)).toEqual(["0 cancelled, 2 failed: 429 too many requests; 1 not tried", HINT]);
    expect(server.requests).toHaveLength(2);
  });

  test("the command exits, even if it is waiting for standard input", async () => {
    await using server = await api();
    const child = start(server, ["-"]);
    const stderr = text(child.stderr);
    child.stdin.write("upload_1\n");
    await once(createInterface(child.stdout), "line");
    child.kill("SIGINT");
    expect(await exitOf(child)).toBe(130);
    expect(await stderr).toBe(`${NOTE}\n1 cancelled, 0 failed, the rest not tried\n${HINT}\n`);
  });
});

test.for<[string, string]>([
  ["nohup", "nohup COMMAND"],
  ["nohup with a bash script", "nohup bash -c 'COMMAND; exit'"],
  ["nohup with a sh script", "nohup sh -c 'COMMAND; exit'"],
  ["trap '' HUP", "trap '' HUP; COMMAND; exit"],
])("under %s, the command continues after its terminal closes", async ([, line]) => {
  await using server = await api();
  const uploads = Array.from({ length: 20 }, (_, n) => `upload_${n}`);
  // The shells exit with the code of the command.
  const script = line.replace("COMMAND", `"${process.execPath}" ${cli} --concurrency 1 ${uploads.join(" ")}`);
  const child = spawn("bash", ["-c", script], { env: { ...process.env, ...envFor(server.url) }, detached: true });
  const stdout = text(child.stdout);
  await once(child.stdout, "data");
  process.kill(-Number(child.pid), "SIGHUP"); // to the whole process group, like a terminal
  expect(await exitOf(child)).toBe(0);
  expect((await stdout).match(/^cancelled/gm)).toHaveLength(20);
});

describe("a run that can't succeed stops, and says why and how many Uploads it didn't try", () => {
  const uploads = Array.from({ length: 100 }, (_, n) => `upload_${n}`);

  test("if the key is rejected", async () => {
    const message = `Incorrect API key provided: ${key}.`;
    await using server = await serve(json(401, { error: { message } }));
    const { exitCode, stderr } = await cancelUpload(server.url, ["--concurrency", "1", ...uploads]);
    expect(stderr).toBe(
      [
        "Stopped: 401 Incorrect API key provided: ***. (attempts: 1)",
        "0 cancelled, 1 failed: 401 unauthorized; 99 not tried",
        `${HINT}\n`,
      ].join("\n"),
    );
    expect(exitCode).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  test("if the API asks for a longer wait than --max-wait", async () => {
    await using server = await serve(json(429, { error: { message: "Later" } }, { "retry-after": "3600" }));
    const { stderr } = await cancelUpload(server.url, ["--concurrency", "1", "-"], uploadIds(100));
    expect(stderr).toBe(
      [
        "Stopped: the API asks to wait 60 min, longer than --max-wait: 429 Later (retry after: 3600 s, attempts: 1)\n",
        `0 cancelled, 1 failed: 429 too many requests; the rest not tried\n${HINT}\n`,
      ].join(""),
    );
  });

  test("even if it was the only Upload", async () => {
    await using server = await serve(json(429, { error: { message: "Later" } }, { "retry-after": "61" }));
    expect(await cancelUpload(server.url, ["upload_1"])).toEqual({
      exitCode: 1,
      stdout: "failed     upload_1  429 Later (retry after: 61 s, attempts: 1)\n",
      stderr: [
        "Stopped: the API asks to wait 61 s, longer than --max-wait: 429 Later (retry after: 61 s, attempts: 1)\n",
        "0 cancelled, 1 failed: 429 too many requests\n",
      ].join(""),
    });
  });

  test("but doesn't repeat what the last Upload's own line says", async () => {
    await using server = await serve(json(401, { error: { message: "no" } }));
    expect(await cancelUpload(server.url, ["upload_1"])).toEqual({
      exitCode: 1,
      stdout: "failed     upload_1  401 no (attempts: 1)\n",
      stderr: "0 cancelled, 1 failed: 401 unauthorized\n",
    });
  });
});

test("if the reader of its output exits early, the command stops without an error", async () => {
  await using server = await api();
  const pipeline = `node ${cli} - --concurrency 1 | head -1`;
  const { stdout, stderr } = await run("sh", ["-c", pipeline], { env: envFor(server.url), input: uploadIds(10_000) });
  expect(stdout).toMatch(/^cancelled {2}upload_0 .*\n$/);
  expect(stderr).toMatch(/^[\d,]+ cancelled, 0 failed, the rest not tried\nWith --resume .*\n$/);
  expect(server.requests.length).toBeLessThan(10_000);
});

test("if standard output can't be written, the command stops and says why in one sentence", async () => {
  await using server = await api();
  const env = envFor(server.url);
  const { exitCode, stderr } = await run("sh", ["-c", `node ${cli} - >/dev/full`], { env, input: uploadIds(1_000) });
  expect(stderr).toMatch(/^error: ENOSPC.*\n\d+ cancelled, 0 failed, the rest not tried\nWith --resume .*\n$/);
  expect(exitCode).toBe(1);
  expect(server.requests.length).toBeLessThan(1_000);
});

test("if standard error can't be written, every Upload is still cancelled and reported", async () => {
  await using server = await api();
  const env = envFor(server.url);
  const { exitCode, stdout } = await run("sh", ["-c", `node ${cli} upload_1 upload_1 upload_2 2>/dev/full`], { env });
  expect(stdout.match(/^cancelled/gm)).toHaveLength(2);
  expect(exitCode).toBe(0);
});
