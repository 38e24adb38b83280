import { execFile } from "node:child_process";
import { expect, test } from "vitest";
import { cancelledUpload } from "./support/contract.js";
import { json, serve } from "./support/server.js";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm start` to its end: one that leaves a process behind would not end, since that holds the pipes open. */
function npmStart(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      "npm",
      ["start", "--silent", "--", ...args],
      { env: { ...process.env, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

test("npm start cancels upload_abc123 at the mock, and prints the Upload and nothing else", async () => {
  const { code, stdout, stderr } = await npmStart([]);
  expect(stderr).toContain("Cancelling upload_abc123 at a mock of the contract");
  expect(JSON.parse(stdout)).toEqual(cancelledUpload);
  expect(code).toBe(0);
});

test("npm start with a key and an Upload cancels it at the API", async () => {
  await using server = await serve(json(200, cancelledUpload));
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const { code, stdout, stderr } = await npmStart(["upload_abc123"], env);
  expect(stderr).toContain(`Cancelling upload_abc123 at ${server.url}`);
  expect(JSON.parse(stdout)).toEqual(cancelledUpload);
  expect(code).toBe(0);
  expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ["/v1/uploads/upload_abc123/cancel", "Bearer sk-test"],
  ]);
});
