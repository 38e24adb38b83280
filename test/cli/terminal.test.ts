import { type IPty, spawn } from "@lydell/node-pty";
import { expect, test } from "vitest";
import { api, cli, envFor } from "../support/cli.js";
import { idOf, json, type Server, serve } from "../support/server.js";

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
  expect(raw).toMatch(/2 of 3(?! {2}\d in flight {2}2 failed)/);
  expect(lines.sort()).toEqual([
    "",
    "2 cancelled, 1 failed: 404 not found",
    "cancelled  upload_1  training_examples.jsonl  2.15 GB",
    "cancelled  upload_2  training_examples.jsonl  2.15 GB",
    "failed     upload_bad  404 No such Upload: upload_bad (request: req_1, attempts: 1)",
  ]);
});

test("the progress line fits into a narrow terminal", async () => {
  await using server = await api();
  const { raw } = await runInTerminal(server, "cancel-upload upload_1 upload_bad upload_bad_2", 20);
  const shown = raw
    .split("\r\n")
    .flatMap((line) => line.split(CLEAR))
    .filter((line) => /^\d of 3/.test(line));
  expect(shown.length).toBeGreaterThan(0);
  for (const line of shown) expect(line.length).toBeLessThan(20);
});

test("a single Upload that takes less than a second has no progress line", async () => {
  await using server = await api();
  const { raw } = await runInTerminal(server, "cancel-upload upload_1", 80);
  expect(raw.replaceAll(CLEAR, "")).toMatch(
    /(^|flight)cancelled {2}upload_1 {2}training_examples.jsonl {2}2.15 GB\r\n/,
  );
  expect(raw).toMatch(/1 cancelled, 0 failed\r\n$/);
});

test("a single Upload shows that there is no response, and for how long", async () => {
  const answers: (() => void)[] = [];
  await using server = await serve((request, response) => {
    answers.push(() => json(200, { id: idOf(request), status: "cancelled" })(request, response));
  });
  const { raw } = await runInTerminal(server, "cancel-upload upload_1", 80, (shown) => {
    if (shown.includes("no response for 2 s")) for (const answer of answers.splice(0)) answer();
  });
  expect(raw).toContain("1 in flight, no response for 1 s");
  expect(raw).toMatch(/1 cancelled, 0 failed\r\n$/);
});

test("a rate limit is shown with the time of the next try", async () => {
  await using server = await serve((request, response) =>
    json(
      server.requests.length === 1 ? 429 : 200,
      { id: idOf(request), status: "cancelled" },
      { "retry-after-ms": "2200" },
    )(request, response),
  );
  const { raw } = await runInTerminal(server, "cancel-upload upload_1", 80);
  expect(raw).toContain("rate limited, next try in 1 s");
  expect(raw).toMatch(/1 cancelled, 0 failed\r\n$/);
});

test("if standard input is a file, the total is known from the start", async () => {
  await using server = await api();
  const content = "# June\\nupload_1\\n\\nupload_2\\nupload_2\\n";
  const { raw } = await runInTerminal(
    server,
    `file=$(mktemp); printf '${content}' > "$file"; cancel-upload - < "$file"; rm "$file"`,
    80,
  );
  expect(raw).toContain("0 of 3");
  expect(raw).toMatch(/2 cancelled, 0 failed\r\n$/);
});

test("if standard input is a pipe, the results so far are shown", async () => {
  await using server = await api();
  const { raw } = await runInTerminal(server, "(echo upload_1; echo upload_2) | cancel-upload -", 80);
  expect(raw).toContain("0 cancelled, 0 failed");
  expect(raw).toMatch(/2 cancelled, 0 failed\r\n$/);
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
  const { raw } = await runInTerminal(server, "cancel-upload upload_1 upload_2 2>&1 | cat", 80);
  expect(raw).not.toContain("of 2");
  expect(raw).not.toContain("\u001b");
});
