import { expect, test } from "vitest";
import { cancelledUpload } from "./support/contract.js";
import { run } from "./support/run.js";
import { json, serve } from "./support/server.js";

test("npm start cancels upload_abc123 at the mock, and prints the Upload and nothing more", async () => {
  const { exitCode, stdout, stderr } = await run("npm", ["start", "--silent"]);
  expect(stderr).toContain("Cancelling upload_abc123 at a mock of the API");
  expect(JSON.parse(stdout)).toEqual({ upload_id: "upload_abc123", ok: true, upload: cancelledUpload });
  expect(exitCode).toBe(0);
});

test("npm start with a key and an Upload cancels it at the API", async () => {
  await using server = await serve(json(200, cancelledUpload));
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const { exitCode, stdout } = await run("npm", ["start", "--silent", "--", "upload_abc123", "--json"], { env });
  expect(JSON.parse(stdout)).toEqual({ upload_id: "upload_abc123", ok: true, upload: cancelledUpload });
  expect(exitCode).toBe(0);
  expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ["/v1/uploads/upload_abc123/cancel", "Bearer sk-test"],
  ]);
});

test("npm start passes every argument on: --dry-run sends nothing", async () => {
  await using server = await serve(json(200, cancelledUpload));
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const { exitCode, stdout } = await run("npm", ["start", "--silent", "--", "upload_x", "--dry-run"], { env });
  expect(stdout).toBe(`POST  ${server.url}/uploads/upload_x/cancel  authorization: Bearer ***\n`);
  expect(exitCode).toBe(0);
  expect(server.requests).toHaveLength(0);
});

test("npm start with an Upload but no key says so, with exit code 2", async () => {
  const { exitCode, stdout, stderr } = await run("npm", ["start", "--silent", "--", "upload_x"]);
  expect(stderr).toContain("error: there is no API key: set OPENAI_API_KEY\n");
  expect([exitCode, stdout]).toEqual([2, ""]);
});
