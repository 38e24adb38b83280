import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { handleSignals } from "../../src/cli/signals.js";
import { api, cancelUpload, cli, envFor, exitOf, key, start, startProcess } from "../support/cli.js";
import { stopClock } from "../support/clock.js";
import { run } from "../support/run.js";
import { cancelling, idOf, json, serve } from "../support/server.js";

const NOTE = "Stopping: waiting for requests in flight, sending no more. A second signal stops immediately.";
const HINT = "With --resume <file>, a run can be continued.";

function uploadIds(count: number): string {
  return Array.from({ length: count }, (_, n) => `upload_${n}\n`).join("");
}

/** A server that responds only when the test says so. */
async function holdAnswers() {
  const answers: (() => void)[] = [];
  const requests = new EventEmitter();
  const server = await serve((request, response) => {
    answers.push(() => json(200, { id: idOf(request), status: "cancelled" })(request, response));
    requests.emit("request");
  });
  const isHolding = async (count: number) => {
    while (answers.length < count) await once(requests, "request");
  };
  return { server, answers, isHolding };
}

describe.for([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("%s", ([name, code]) => {
  test(`waits for requests in flight, sends no more, and exits with ${code}`, async () => {
    const { server: held, answers, isHolding } = await holdAnswers();
    await using server = held;
    const child = startProcess(server, ["--concurrency", "2", "upload_1", "upload_2", "upload_3"]);
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
    await isHolding(2);
    child.kill(name);
    await once(child.stderr, "data");
    for (const answer of answers) answer();
    expect(await exitOf(child)).toBe(code);
    expect(await stderr).toBe(`${NOTE}\n2 cancelled, 0 failed, 1 not tried\n${HINT}\n`);
    expect((await stdout).split("\n").sort()).toEqual(["", "cancelled  upload_1", "cancelled  upload_2"]);
    expect(server.requests).toHaveLength(2);
  });

  test("a second time stops immediately, and says which Uploads may have been cancelled", async () => {
    const passTime = stopClock();
    const { server: held, isHolding } = await holdAnswers();
    await using server = held;
    const { signal, ended } = start(["upload_1", "upload_2"], { env: envFor(server.url) });
    await isHolding(2);
    signal(name);
    passTime(100);
    signal(name);
    const { exitCode, stdout } = await ended;
    expect(stdout.split("\n").sort()).toEqual([
      "",
      "failed     upload_1  stopped before it ended; it may have been cancelled",
      "failed     upload_2  stopped before it ended; it may have been cancelled",
    ]);
    expect(exitCode).toBe(code);
  });
});

describe("signals within 100 ms are one request to stop:", () => {
  test.for<[string, [signal: NodeJS.Signals, at: number][], string[]]>([
    [
      "Ctrl-C that npx passes on",
      [
        ["SIGINT", 0],
        ["SIGINT", 4],
      ],
      ["stop 130"],
    ],
    [
      "SIGHUP after SIGTERM, as systemd sends it",
      [
        ["SIGTERM", 0],
        ["SIGHUP", 1],
      ],
      ["stop 143"],
    ],
    [
      "a second SIGTERM after 200 ms, as GNU parallel sends it",
      [
        ["SIGTERM", 0],
        ["SIGTERM", 200],
      ],
      ["stop 143", "give up 143"],
    ],
    [
      "a second Ctrl-C that npx passes on",
      [
        ["SIGINT", 0],
        ["SIGINT", 4],
        ["SIGINT", 300],
        ["SIGINT", 304],
      ],
      ["stop 130", "give up 130"],
    ],
    [
      "a key that is held down",
      [
        ["SIGINT", 0],
        ["SIGINT", 33],
        ["SIGINT", 66],
        ["SIGINT", 100],
      ],
      ["stop 130", "give up 130"],
    ],
  ])("%s", ([, signals, expected]) => {
    const stream = new PassThrough();
    const streams = { stdin: stream, stdout: stream, stderr: stream };
    const emitter = Object.assign(new EventEmitter(), { env: {}, ppid: process.pid, exit: () => {}, ...streams });
    const calls: string[] = [];
    const passTime = stopClock();
    let now = 0;
    const stop = (code: number, isFirst: boolean) => calls.push(`${isFirst ? "stop" : "give up"} ${code}`);
    handleSignals(emitter, stop);
    for (const [signal, at] of signals) {
      passTime(at - now);
      now = at;
      emitter.emit(signal, signal);
    }
    expect(calls).toEqual(expected);
  });

  test("no result is lost", async () => {
    stopClock();
    const { server: held, answers, isHolding } = await holdAnswers();
    await using server = held;
    const { signal, ended } = start(uploadIds(8).trim().split("\n"), { env: envFor(server.url) });
    await isHolding(8);
    for (const name of ["SIGTERM", "SIGHUP", "SIGTERM"] as const) signal(name);
    for (const answer of answers) answer();
    expect(await ended).toMatchObject({ exitCode: 143, stderr: `${NOTE}\n8 cancelled, 0 failed\n` });
  });
});

describe("after the first Ctrl-C", () => {
  test("an attempt can still use its whole timeout, and isn't retried", async () => {
    const { server: held, isHolding } = await holdAnswers();
    await using server = held;
    const args = ["--timeout", "300ms", "--max-retries", "9", "upload_1"];
    const { signal, ended } = start(args, { env: envFor(server.url) });
    await isHolding(1);
    signal("SIGINT");
    expect(await ended).toMatchObject({
      exitCode: 130,
      stdout: "failed     upload_1  no response within 300 ms (attempts: 1)\n",
    });
    expect(server.requests).toHaveLength(1);
  });

  test("an Upload that waits because of a 429 isn't sent again, and fails with that 429", async () => {
    await using server = await serve(json(429, { error: { message: "Slow down" } }, { "retry-after": "30" }));
    const args = ["--verbose", "--concurrency", "2", "upload_1", "upload_2", "upload_3"];
    const { signal, until, ended } = start(args, { env: envFor(server.url) });
    await until(({ stderr }) => stderr.split("\n").length === 3);
    signal("SIGINT");
    const { exitCode, stdout, stderr } = await ended;
    expect(exitCode).toBe(130);
    expect(stdout.split("\n").sort()).toEqual([
      "",
      "failed     upload_1  429 Slow down (attempts: 1)",
      "failed     upload_2  429 Slow down (attempts: 1)",
    ]);
    const notes = stderr.split("\n");
    expect(notes.slice(0, 2)).toEqual(Array(2).fill(expect.stringMatching(/; trying again in 30\.0 s$/)));
    expect(notes[2]).toBe(NOTE);
    expect(notes.slice(-3)).toEqual(["0 cancelled, 2 failed: 429 Slow down; 1 not tried", HINT, ""]);
    expect(server.requests).toHaveLength(2);
  });

  test("an Upload that was waiting for its first attempt counts as not tried", async () => {
    let answerFirst = () => {};
    await using server = await serve((request, response) => {
      if (idOf(request) === "upload_1") answerFirst = () => cancelling(request, response);
      else json(429, { error: { message: "Slow down" } }, { "retry-after": "30" })(request, response);
    });
    const args = ["--verbose", "--concurrency", "2", "upload_1", "upload_2", "upload_3", "upload_4"];
    const { signal, until, ended } = start(args, { env: envFor(server.url) });
    await until(({ stderr }) => stderr.includes("trying again in 30.0 s"));
    answerFirst();
    await until(({ stdout }) => stdout.includes("cancelled  upload_1"));
    signal("SIGINT");
    const { stdout, stderr } = await ended;
    expect(stdout).not.toContain("upload_3");
    expect(stderr).toContain("1 cancelled, 1 failed: 429 Slow down; 2 not tried\n");
  });

  test("the command exits, even if it is waiting for standard input", async () => {
    await using server = await api();
    const child = startProcess(server, ["-"]);
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
        "0 cancelled, 1 failed: 401 Incorrect API key provided: ***; 99 not tried",
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
        `0 cancelled, 1 failed: 429 Later; the rest not tried\n${HINT}\n`,
      ].join(""),
    );
  });

  test("even if it was the only Upload", async () => {
    await using server = await serve(json(429, { error: { message: "Later" } }, { "retry-after": "121" }));
    expect(await cancelUpload(server.url, ["upload_1"])).toEqual({
      exitCode: 1,
      stdout: "failed     upload_1  429 Later (retry after: 121 s, attempts: 1)\n",
      stderr: [
        "Stopped: the API asks to wait 2 min, longer than --max-wait: 429 Later (retry after: 121 s, attempts: 1)\n",
        "0 cancelled, 1 failed: 429 Later\n",
      ].join(""),
    });
  });

  test("but doesn't repeat what the last Upload's own line says", async () => {
    await using server = await serve(json(401, { error: { message: "no" } }));
    expect(await cancelUpload(server.url, ["upload_1"])).toEqual({
      exitCode: 1,
      stdout: "failed     upload_1  401 no (attempts: 1)\n",
      stderr: "0 cancelled, 1 failed: 401 no\n",
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
