import { resolve } from "node:path";
import { expect, test } from "vitest";
import { checkTypes, writeTypes } from "../../scripts/contract/generate.js";
import { copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";

test("types that are out of date are an error, and npm run generate updates them, in however many files the contract is", async () => {
  using copy = copyOfRepository();
  copy.splitContract();
  copy.write("openapi/upload.yaml", copy.read("openapi/upload.yaml").replace("filename:", "name:"));
  await expect(checkTypes(copy.folder)).rejects.toThrow(
    'generated/openapi.d.ts is out of date. Run "npm run generate" and commit it.',
  );
  await writeTypes(copy.folder);
  expect(copy.read("generated/openapi.d.ts")).toMatch(/^ +name\?: string;$/m);
  await checkTypes(copy.folder);
});

test("a contract that isn't YAML is an error that says where", async () => {
  using copy = copyOfRepository();
  copy.write("openapi/openapi.yaml", `${copy.read("openapi/openapi.yaml")}\n   no: [yaml`);
  const args = ["--import", "tsx", resolve("scripts/contract/generate.ts")];
  const { exitCode, stderr } = await run(process.execPath, args, { cwd: copy.folder });
  expect(stderr).toMatch(/^.+ at openapi\/openapi\.yaml:\d+:\d+\n$/);
  expect(exitCode).toBe(1);
});
