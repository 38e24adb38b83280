import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

/** The files that samples send: `@name` in curl, and a string like "name.bin" in TypeScript. */
function filesIn(samples: string): string[] {
  return [...samples.matchAll(/(?<=@|")[\w-][\w.-]*\.\w+(?=[";\s]|$)/gm)].map(([file]) => file);
}

beforeAll(() => {
  const paths = { "openai-cancel-upload": [resolve("src/index.ts")] };
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(project, JSON.stringify({ compilerOptions: { paths } }));
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"), "junction");
  for (const { operationId, curl, typescript } of operations) {
    writeFileSync(join(folder, `${operationId}.ts`), typescript);
    for (const file of filesIn(curl + typescript)) writeFileSync(join(folder, file), "the data");
  }
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
    const command = curl
      .replace(servers[0]?.url ?? "", inject("prismUrl"))
      .replace("curl", "curl --silent --show-error");
    const { exitCode, stdout, stderr } = await run("sh", ["-c", command], { env, cwd: folder });
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toEqual(response);
  });
});
