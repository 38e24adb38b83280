import { spawn } from "@lydell/node-pty";
import { describe, expect, test } from "vitest";
import { api, cli, envFor } from "../support/cli.js";
import { idOf, json, type Server, serve } from "../support/server.js";

/** Moves the cursor to the start of the line, and clears the screen from there. */
const CLEAR = "\u001b[1G\u001b[0J";

/** What a terminal of this width shows in the end, line by line, and all that was written to it. */
async function runInTerminal(
  server: Server,
  command: string,
  columns: number,
): Promise<{ raw: string; lines: (string | undefined)[] }> {
  const terminal = spawn("sh", ["-c", command.replace("cancel-upload", `"${process.execPath}" ${cli}`)], {
    cols: columns,
    env: { ...process.env, ...envFor(server.url) },
  });
  let raw = "";
  terminal.onData((data) => {
    raw += data;
  });
  await new Promise((resolve) => terminal.onExit(resolve));
  const lines = raw.split("\r\n").map((line) => line.split(CLEAR).at(-1));
  return { raw, lines };
}

test("a progress bar shows how far the run is, and leaves nothing behind", async () => {
  await using server = await api();
  const { raw, lines } = await runInTerminal(server, "cancel-upload upload_1 upload_bad upload_2", 100);
  expect(raw).toContain("[----------------------------------------]  0/3  0 cancelled, 0 failed");
  expect(raw).toMatch(/\[#{27}-{13}\] {2}2\/3 {2}/);
  expect(lines.sort()).toEqual([
    "",
    "2 cancelled, 1 failed",
    "cancelled  upload_1  training_examples.jsonl  2.15 GB",
    "cancelled  upload_2  training_examples.jsonl  2.15 GB",
    "failed     upload_bad  404 No such Upload: upload_bad (request: req_1, attempts: 1)",
  ]);
});

test("the progress bar fits into 40 columns", async () => {
  await using server = await api();
  const { raw } = await runInTerminal(server, "cancel-upload upload_1 upload_2", 40);
  const bars = raw
    .split("\r\n")
    .flatMap((line) => line.split(CLEAR))
    .filter((line) => /\d\/2/.test(line));
  expect(bars.length).toBeGreaterThan(0);
  for (const bar of bars) expect(bar.length).toBeLessThan(40);
});

test("there is no progress bar for one Upload", async () => {
  await using server = await api();
  const { raw } = await runInTerminal(server, "cancel-upload upload_1", 80);
  expect(raw).toBe("cancelled  upload_1  training_examples.jsonl  2.15 GB\r\n1 cancelled, 0 failed\r\n");
});

test("while it waits because of a 429, it says so and for how long", async () => {
  await using server = await serve((request, response) =>
    json(
      server.requests.length === 1 ? 429 : 200,
      { id: idOf(request), status: "cancelled" },
      { "retry-after-ms": "1200" },
    )(request, response),
  );
  const { raw } = await runInTerminal(server, "cancel-upload upload_1", 80);
  expect(raw).toContain("0/1  rate-limited, 2 s  0 cancelled, 0 failed");
  expect(raw).toContain("0/1  rate-limited, 1 s  0 cancelled, 0 failed");
  expect(raw).toMatch(/1 cancelled, 0 failed\r\n$/);
});

describe("with standard input", () => {
  test("a rate is shown", async () => {
    await using server = await api();
    const { raw } = await runInTerminal(server, "printf 'upload_1\\nupload_2\\nupload_3\\n' | cancel-upload -", 80);
    expect(raw).toMatch(/\d+\/s {2}[23] cancelled, 0 failed/);
  });

  test("and if that is a file, how much of it has been read", async () => {
    await using server = await api();
    const file = "$(mktemp)";
    const { raw } = await runInTerminal(
      server,
      `file=${file}; printf 'upload_1\\nupload_2\\n' > "$file"; cancel-upload - -c 1 < "$file"; rm "$file"`,
      80,
    );
    expect(raw).toMatch(/\[#+\] {2}100 % {2}\d+\/s {2}2 cancelled, 0 failed/);
  });
});
