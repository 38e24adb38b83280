import { expect, test } from "vitest";
import { cancelledUpload } from "./support/contract.js";
import { run } from "./support/run.js";
import { json, serve } from "./support/server.js";

test("npm start cancels upload_abc123 at the mock, and prints the Upload and nothing else", async () => {
  const { exitCode, stdout, stderr } = await run("npm", ["start", "--silent"]);
  expect(stderr).toContain("Cancelling upload_abc123 at a mock of the contract");
  expect(JSON.parse(stdout)).toEqual(cancelledUpload);
  expect(exitCode).toBe(0);
});

test("npm start with a key and an Upload cancels it at the API", async () => {
  await using server = await serve(json(200, cancelledUpload));
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const { exitCode, stdout, stderr } = await run("npm", ["start", "--silent", "--", "upload_abc123"], { env });
  expect(stderr).toContain(`Cancelling upload_abc123 at ${server.url}`);
  expect(JSON.parse(stdout)).toEqual(cancelledUpload);
  expect(exitCode).toBe(0);
  expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ["/v1/uploads/upload_abc123/cancel", "Bearer sk-test"],
  ]);
});
