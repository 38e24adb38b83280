import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, inject, test } from "vitest";
import { cancelUpload, createClient } from "../src/index.js";
import { clientOf } from "./support/client.js";
import { cancelledUpload, contract, documentedErrors } from "./support/contract.js";
import { readme } from "./support/readme.js";
import { run } from "./support/run.js";

test("the result of cancelUpload() matches the contract's schema", async () => {
  const upload = await cancelUpload(clientOf({ url: inject("prismUrl") }), "upload_abc123");

  // An OpenAPI 3.1 document isn't a JSON Schema, but the schemas in it are.
  const ajv = new Ajv2020({ strict: false, validateSchema: false, formats: { unixtime: true } });
  const isCancelledUpload = ajv
    .addSchema(contract, "contract")
    .compile({ $ref: "contract#/components/schemas/CancelledUpload" });
  expect(isCancelledUpload(upload), ajv.errorsText(isCancelledUpload.errors)).toBe(true);
  expect(upload).toEqual(cancelledUpload);
});

test("the client calls the contract's first server by default", async () => {
  const urls: string[] = [];
  const client = createClient({
    apiKey: "sk-test",
    fetch: async (request) => {
      urls.push(request.url);
      return Response.json(cancelledUpload);
    },
  });
  await cancelUpload(client, "upload_abc123");
  expect(urls).toEqual([`${contract.servers[0]?.url}/uploads/upload_abc123/cancel`]);
});

test("in every response that the mock generates, the Upload is cancelled and no number is negative", async () => {
  const headers = { authorization: "Bearer sk-test", prefer: "dynamic=true" };
  const statuses = new Set<unknown>();
  const numbers: number[] = [];
  for (let count = 0; count < 20; count += 1) {
    const response = await fetch(`${inject("prismUrl")}/uploads/upload_abc123/cancel`, { method: "POST", headers });
    const { file, ...upload } = Object(await response.json());
    statuses.add(upload.status);
    numbers.push(
      ...[upload, file ?? {}]
        .flatMap(({ bytes, created_at, expires_at = 0 }) => [bytes, created_at, expires_at])
        .filter(Number.isFinite),
    );
  }
  expect([...statuses]).toEqual(["cancelled"]);
  expect(numbers.length).toBeGreaterThan(60);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
});

function documentedError(wanted: string) {
  return { error: documentedErrors.find(({ name }) => name === wanted)?.error };
}

test("the README's calls to the mock get the responses that they ask for", async () => {
  const commands = readme.match(/^curl .+localhost:4010.+$/gm) ?? [];
  expect(commands).not.toHaveLength(0);
  for (const command of commands) {
    const [, host = ""] = inject("prismUrl").split("//");
    const call = command.replace("localhost:4010", host).replace("curl", 'curl --silent --write-out "\\n%{http_code}"');
    const { stdout } = await run("sh", ["-c", call]);
    const [body = "", status] = stdout.split("\n");
    const [, code = "200", example = ""] = /code=(\d+), example=(\w+)/.exec(command) ?? [];
    expect(status).toBe(code);
    expect(JSON.parse(body)).toEqual(code === "200" ? cancelledUpload : documentedError(example));
  }
});

test("the mock rejects a request without a key, as the contract says", async () => {
  const response = await fetch(`${inject("prismUrl")}/uploads/upload_abc123/cancel`, { method: "POST" });
  expect(response.status).toBe(401);
  expect(await response.json()).toEqual(documentedError("missing_api_key"));
});

test("the generated types mark the fields that the contract deprecates", () => {
  const types = readFileSync("generated/openapi.d.ts", "utf8");
  const deprecated = types.matchAll(/@deprecated\n(?: +\* .*\n)+ +\*\/\n +(\w+)/g);
  expect([...deprecated].map(([, field]) => field)).toEqual(["status", "status_details"]);
});
