import { type IPty, spawn } from "@lydell/node-pty";
import { describe, expect, test } from "vitest";
import { api, cli, envFor, runCommand, start } from "../support/cli.js";
import { stopClock } from "../support/clock.js";
import { cancelling, idOf, json, type Server, serve } from "../support/server.js";

/** Moves the cursor to the start of the line, and clears the screen from there. */
const CLEAR = "\u001b[1G\u001b[0J";

/** What a terminal of this width shows in the end, line by line, and everything that was written to it. */
async function runInTerminal(
  server: Server,
  command: string,
  columns: number,
  onData: (raw: string, terminal: IPty) => void = () => {},
): Promise<{ raw: string; lines: (string | undefined)[] }> {
  const terminal = spawn("sh", ["-c", command.replace("cancel-upload", `"${process.execPath}" ${cli}`)], {
    cols: columns,
    env: { ...process.env, ...envFor(server.url) },
  });
  let raw = "";
  terminal.onData((data) => {
    raw += data;
    onData(raw, terminal);
  });
  await new Promise((resolve) => terminal.onExit(resolve));
  const lines = raw.split("\r\n").map((line) => line.split(CLEAR).at(-1));
  return { raw, lines };
}

test("the progress line shows how far the run is, and leaves nothing behind", async () => {
  await using server = await api();
  const { raw, lines } = await runInTerminal(server, "cancel-upload upload_1 upload_bad upload_2", 100);
  expect(raw).toContain("0 of 3");
  expect(raw).toMatch(/2 of 3(?!, 2 failed)/);
  expect(lines.sort()).toEqual([
    "",
    "2 cancelled, 1 failed: 404 No such Upload: …",
    "cancelled  upload_1  training_examples.jsonl  2.15 GB",
    "cancelled  upload_2  training_examples.jsonl  2.15 GB",
    "failed     upload_bad  404 No such Upload: upload_bad (request: req_1, attempts: 1)",
  ]);
});

test("the progress line fits into a narrow terminal", async () => {
  await using server = await api();
  const ids = ["upload_1", "upload_bad", "upload_bad_2"];
  const { stderr } = await runCommand(ids, { env: envFor(server.url), columns: 20 });
  const shown = stderr.split(CLEAR).filter((line) => /^\d of 3/.test(line));
  expect(shown.length).toBeGreaterThan(0);
  for (const line of shown) expect(line.length).toBeLessThan(20);
});

test("a terminal that doesn't know its size is taken for one of 80 columns", async () => {
  await using server = await api();
  const ids = ["upload_1", "upload_2"];
  const { stderr } = await runCommand(ids, { env: envFor(server.url), columns: 0 });
  expect(stderr).toContain(`${CLEAR}1 of 2  1 in flight`);
  expect(stderr).not.toMatch(/Infinity|NaN/);
});

test("a single Upload that takes less than a second has no progress line", async () => {
  stopClock();
  await using server = await api();
  expect(await runCommand(["upload_1"], { env: envFor(server.url), columns: 80 })).toEqual({
    exitCode: 0,
    stdout: "cancelled  upload_1  training_examples.jsonl  2.15 GB\n",
    stderr: "1 cancelled, 0 failed\n",
  });
});

test("a single Upload shows that there is no response, and for how long", async () => {
  const passTime = stopClock();
  const answers: (() => void)[] = [];
  await using server = await serve((...exchange) => {
    answers.push(() => cancelling(...exchange));
  });
  const { until, ended } = start(["upload_1"], { env: envFor(server.url), columns: 80 });
  while (answers.length < 1) await new Promise(setImmediate);
  passTime(2_500);
  await until(({ stderr }) => stderr.endsWith("1 in flight, no response for 2 s"));
  answers[0]?.();
  const { stderr } = await ended;
  expect(stderr.endsWith(`${CLEAR}1 cancelled, 0 failed\n`)).toBe(true);
});

test("a pause is shown with its reason and what comes next", async () => {
  await using server = await serve(json(429, { error: { message: "Slow down" } }, { "retry-after": "30" }));
  const { until, signal, ended } = start(["upload_1", "upload_2"], { env: envFor(server.url), columns: 80 });
  await until(({ stderr }) => stderr.includes("paused, next try in 30 s, giving up in 2 min: 429 Slow down"));
  signal("SIGINT");
  await ended;
});

test("if standard input is a pipe, the results so far are shown", async () => {
  await using server = await api();
  const options = { env: envFor(server.url), input: "upload_1\nupload_2\n", columns: 80 };
  const { stderr } = await runCommand(["-"], options);
  expect(stderr).toMatch(/^0 cancelled, 0 failed/);
  expect(stderr).toMatch(/2 cancelled, 0 failed\n$/);
});

test("the progress line is redrawn without leftovers when the terminal becomes narrower", async () => {
  const answers: (() => void)[] = [];
  await using server = await serve((request, response) => {
    answers.push(() => json(200, { id: idOf(request), status: "cancelled" })(request, response));
  });
  const { raw } = await runInTerminal(server, "cancel-upload upload_1 upload_2", 60, (shown, terminal) => {
    if (/no response for \d s$/.test(shown)) terminal.resize(16, 24);
    if (shown.endsWith(`${CLEAR}0 of 2  2 in `)) for (const answer of answers.splice(0)) answer();
  });
  // The line of 40 characters takes three rows now, so the cursor goes up by two before the screen is cleared.
  expect(raw.replaceAll(/\d(?= s)/g, "N")).toContain(`0 of 2  2 in flight, no response for N s\u001b[2A${CLEAR}`);
  expect(raw).toMatch(/2 cancelled, 0 failed\r\n$/);
});

test("a pipe instead of a terminal gets no progress line", async () => {
  await using server = await api();
  const { stderr } = await runCommand(["upload_1", "upload_2"], { env: envFor(server.url) });
  expect(stderr).toBe("2 cancelled, 0 failed\n");
});

describe("without a terminal, a log says", () => {
  test("that the run pauses, and why, and that it resumes", async () => {
    let isDown = true;
    await using server = await serve((...exchange) => {
      const down = json(500, { error: { message: "The server had an error" } });
      return (isDown ? down : cancelling)(...exchange);
    });
    const ids = Array.from({ length: 100 }, (_, index) => `upload_${index}\n`);
    const { until, ended } = start(["-"], { env: envFor(server.url), input: ids.join("") });
    await until(({ stderr }) => stderr !== "");
    isDown = false;
    const { exitCode, stdout, stderr } = await ended;
    expect(stdout.match(/^cancelled {2}/gm)).toHaveLength(100);
    expect(stderr).toMatch(
      /^paused.*, giving up in (2 min|1\d\d s): 500 The server had an error\n100 cancelled, 0 failed\n$/,
    );
    expect(exitCode).toBe(0);
  });
});
