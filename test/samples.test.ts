import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, inject, test } from "vitest";
import { cancelledUpload, contract } from "./support/contract.js";
import { run } from "./support/run.js";

const { "x-codeSamples": samples } = contract.paths["/uploads/{upload_id}/cancel"].post;

function sample(language: string): string {
  return samples.find(({ lang }) => lang === language)?.source ?? "";
}

test("the docs' TypeScript sample compiles, and cancels an Upload", async () => {
  const folder = mkdtempSync(join(tmpdir(), "openai-cancel-upload-"));
  const project = join(folder, "tsconfig.json");
  const paths = { "openai-cancel-upload": [resolve("src/index.ts")] };
  try {
    writeFileSync(join(folder, "sample.ts"), sample("TypeScript"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(
      project,
      JSON.stringify({ extends: resolve("tsconfig.json"), compilerOptions: { paths }, include: ["."] }),
    );
    symlinkSync(resolve("node_modules"), join(folder, "node_modules"), "junction");
    expect(await run("node_modules/.bin/tsc", ["--project", project])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const env = { OPENAI_BASE_URL: inject("prismUrl"), OPENAI_API_KEY: "sk-test" };
    expect(await run("node_modules/.bin/tsx", ["--tsconfig", project, join(folder, "sample.ts")], { env })).toEqual({
      exitCode: 0,
      stdout: "cancelled\n",
      stderr: "",
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the docs' curl sample cancels an Upload", async () => {
  const command = sample("curl").replace(contract.servers[0]?.url ?? "", inject("prismUrl"));
  const { exitCode, stdout } = await run("sh", ["-c", command.replace("curl", "curl --silent")], {
    env: { OPENAI_API_KEY: "sk-test" },
  });
  expect(JSON.parse(stdout)).toEqual(cancelledUpload);
  expect(exitCode).toBe(0);
});
