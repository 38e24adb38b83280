import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { endpointsOf, readContract } from "../scripts/contract/contract.js";
import { run } from "./support/run.js";

const { servers = [], ...contract } = await readContract();
const operations = endpointsOf(contract).map((endpoint) => {
  const { "x-codeSamples": samples = [], responses } = endpoint;
  const sample = (language: string) => samples.find(({ lang }) => lang === language)?.source ?? "";
  const response = Object(responses["200"]?.content?.["application/json"]?.example);
  return { ...endpoint, curl: sample("curl"), typescript: sample("TypeScript"), response };
});

const folder = mkdtempSync(join(tmpdir(), "openai-cancel-upload-"));
const project = join(folder, "tsconfig.json");
const env = { OPENAI_BASE_URL: inject("prismUrl"), OPENAI_API_KEY: "sk-test" };

beforeAll(() => {
  const paths = { "openai-cancel-upload": [resolve("src/index.ts")] };
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(project, JSON.stringify({ compilerOptions: { paths } }));
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"), "junction");
  // For a sample that sends a file.
  copyFileSync("LICENSE", join(folder, "part.bin"));
  for (const { operationId, typescript } of operations) writeFileSync(join(folder, `${operationId}.ts`), typescript);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.for(operations)("$operationId", ({ operationId, curl, response }) => {
  test("the docs' TypeScript sample prints the status or the ID in the contract's example", async () => {
    const tsx = resolve("node_modules/.bin/tsx");
    const args = ["--tsconfig", project, `${operationId}.ts`];
    expect(await run(tsx, args, { env, cwd: folder })).toEqual({
      exitCode: 0,
      stdout: `${response.status ?? response.id}\n`,
      stderr: "",
    });
  });

  test("the docs' curl sample gets the contract's example", async () => {
    const command = curl.replace(servers[0]?.url ?? "", inject("prismUrl")).replace("curl", "curl --silent");
    const { exitCode, stdout } = await run("sh", ["-c", command], { env, cwd: folder });
    expect(JSON.parse(stdout)).toEqual(response);
    expect(exitCode).toBe(0);
  });
});
