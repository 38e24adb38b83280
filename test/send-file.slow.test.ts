import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { envFor, exitOf } from "./support/cli.js";
import { codeBlocks } from "./support/readme.js";
import { run } from "./support/run.js";
import { until } from "./support/timers.js";
import { type Fault, serveUploads, type UploadsServer } from "./support/uploads.js";

const PART_SIZE = 1000;
/** Seven whole parts and a shorter one. Each consists of a letter of its own. */
const content = [..."abcdefgh"]
  .map((letter) => letter.repeat(PART_SIZE))
  .join("")
  .slice(0, -1);

const folder = mkdtempSync(join(tmpdir(), "openai-cancel-upload-"));
const path = join(folder, "letters.jsonl");
writeFileSync(path, content);
afterAll(() => rmSync(folder, { recursive: true }));

/** What the SDK retries without a noticeable delay. */
const overloaded: Fault = { status: 503, headers: { "retry-after-ms": "1" } };

const stopping = "Stopping and cancelling upload_1 (press Ctrl-C again to stop without cancelling)";

/** The example as a process. Not as a child of the tsx command, which kills it if it's slow to handle a SIGINT. */
function start({ url }: UploadsServer, args: readonly string[] = [path]): ChildProcessWithoutNullStreams {
  const env = { ...process.env, ...envFor(url), PART_SIZE: String(PART_SIZE) };
  const child = spawn(process.execPath, ["--import", "tsx", "examples/send-file.ts", ...args], { env });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

/** Its exit code or the signal that killed it, its output, and the lines of its standard error. */
async function ended(child: ChildProcessWithoutNullStreams): Promise<[unknown, string, string[]]> {
  const [exit, stdout, stderr] = await Promise.all([exitOf(child), text(child.stdout), text(child.stderr)]);
  return [exit, stdout, stderr.trimEnd().split("\n")];
}

/** Which part it is. */
function letterOf(data: Buffer): string {
  return String(data).charAt(0);
}

test("sends the parts four at a time, completes the upload and prints the File's ID", async () => {
  const failedBefore = new Set<string>();
  await using server = await serveUploads(async (action, upload, data) => {
    const letter = letterOf(data);
    if (action !== "parts") return undefined;
    if ("abcd".includes(letter)) await until(() => upload.maxPartsInFlight === 4);
    if (letter === "a") await until(() => upload.parts.size === 7); // the first part arrives last
    if (letter !== "c" || failedBefore.has(letter)) return undefined;
    failedBefore.add(letter);
    return overloaded;
  });
  expect(await ended(start(server))).toEqual([0, "file-upload_1\n", [""]]);
  const [upload] = server.uploads;
  expect(upload).toMatchObject({
    filename: "letters.jsonl",
    mime_type: "application/jsonl",
    status: "completed",
    maxPartsInFlight: 4,
  });
  expect(String(upload?.content)).toBe(content);
  expect(upload?.log).not.toContain("cancel 200");
});

test("if a part fails, starts no more parts and cancels the upload once those in flight have arrived", async () => {
  const attempts = new Map<string, number>();
  await using server = await serveUploads(async (action, upload, data) => {
    if (action !== "parts") return undefined;
    const letter = letterOf(data);
    const attempt = (attempts.get(letter) ?? 0) + 1;
    attempts.set(letter, attempt);
    if (attempt === 1) await until(() => upload.maxPartsInFlight === 4);
    if (letter === "b") return { status: 400 };
    // The others arrive long after the response to b.
    await until(() => upload.log.includes("parts 400"));
    return attempt < 3 ? overloaded : undefined;
  });
  expect(await ended(start(server))).toEqual([1, "", ["Error: 400 Fault", "Cancelled upload_1"]]);
  const [upload] = server.uploads;
  expect(upload?.status).toBe("cancelled");
  expect([...attempts.keys()].sort()).toEqual(["a", "b", "c", "d"]);
  expect(upload?.parts.size).toBe(3);
  expect(upload?.log.filter((entry) => entry !== "parts 503")).toEqual([
    ...["parts 400", "parts 200", "parts 200", "parts 200"],
    "cancel 200",
  ]);
});

test.for<[string, number, (action: string, letter: string) => boolean]>([
  ["parts are in flight", 4, (action, letter) => action === "parts" && letter > "b"],
  ["it completes the upload", 1, (action) => action === "complete"],
])("on Ctrl-C while %s, cancels the upload before it exits", async ([, stalls, isStalled]) => {
  let stalled = 0;
  await using server = await serveUploads((action, upload, data) => {
    if (isStalled(action, letterOf(data))) {
      stalled += 1;
      return new Promise(() => {});
    }
    return action === "cancel" && !upload.log.includes("cancel 503") ? overloaded : undefined;
  });
  const child = start(server);
  const end = ended(child);
  await until(() => stalled === stalls);
  child.kill("SIGINT");
  expect(await end).toEqual([130, "", [stopping, "Error: Request was aborted.", "Cancelled upload_1"]]);
  expect(server.uploads[0]?.status).toBe("cancelled");
  expect(stalled).toBe(stalls);
});

test("a second Ctrl-C ends it while its cancel hangs", async () => {
  const hanging: string[] = [];
  await using server = await serveUploads((action) => {
    hanging.push(action);
    return new Promise(() => {});
  });
  const child = start(server);
  const end = ended(child);
  await until(() => hanging.includes("parts"));
  child.kill("SIGINT");
  await until(() => hanging.includes("cancel"));
  child.kill("SIGINT");
  expect(await end).toEqual(["SIGINT", "", [stopping]]);
});

test("if the response to complete is lost, says that the upload may be complete", async () => {
  await using server = await serveUploads((action) => (action === "complete" ? "response lost" : undefined));
  expect(await ended(start(server))).toEqual([
    1,
    "",
    [
      "Error: Connection error.",
      "ApiError: Cancelling upload_1 failed: 400 Upload upload_1 has already been completed. (attempts: 1)",
      "upload_1 may be complete. To try to cancel it again: cancel-upload upload_1",
    ],
  ]);
  expect(server.uploads[0]?.status).toBe("completed");
  expect(server.requests.filter(({ url }) => url?.endsWith("/complete"))).toHaveLength(1);
});

test("if the cancel fails too, prints both errors and how to cancel the upload later", async () => {
  await using server = await serveUploads((action) => ({ status: action === "parts" ? 400 : 403 }));
  expect(await ended(start(server))).toEqual([
    1,
    "",
    [
      "Error: 400 Fault",
      "ApiError: Cancelling upload_1 failed: 403 Fault (attempts: 1)",
      "upload_1 may still be pending. To try to cancel it again: cancel-upload upload_1",
    ],
  ]);
  expect(server.uploads[0]?.status).toBe("pending");
});

test("without a file, explains its usage and sends nothing", async () => {
  await using server = await serveUploads();
  expect(await ended(start(server, []))).toEqual([2, "", ["Usage: npx tsx examples/send-file.ts FILE"]]);
  expect(server.requests).toEqual([]);
});

test("the README's first example sends a file", async () => {
  const [example = ""] = codeBlocks("ts");
  const paths = { "openai-cancel-upload": [resolve("src/index.ts")] };
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: { paths } }));
  writeFileSync(join(folder, "example.ts"), `${example}\nconsole.log(completed.file?.id);`);
  writeFileSync(join(folder, "training_examples.jsonl"), content);
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"), "junction");
  await using server = await serveUploads();
  expect(await run(resolve("node_modules/.bin/tsx"), ["example.ts"], { cwd: folder, env: envFor(server.url) })).toEqual(
    {
      exitCode: 0,
      stdout: "file-upload_1\n",
      stderr: "",
    },
  );
  expect(String(server.uploads[0]?.content)).toBe(content);
});
