import { resolve } from "node:path";
import { expect, test } from "vitest";
import { copyOfRepository } from "../support/copy.js";
import { type Ended, run } from "../support/run.js";

function tsx(folder: string, script: string, ...args: string[]): Promise<Ended> {
  return run(process.execPath, ["--import", "tsx", resolve(script), ...args], { cwd: folder });
}

test("types that are older than the contract are an error, and npm run generate writes them, whatever files it is in", async () => {
  using copy = copyOfRepository();
  copy.split();
  copy.write("openapi/upload.yaml", copy.read("openapi/upload.yaml").replace("filename:", "name:"));
  const stale = await tsx(copy.folder, "scripts/contract/generate.ts", "--check");
  expect(stale.stderr).toBe(
    'generated/openapi.d.ts is older than the contract. Run "npm run generate" and commit it.\n',
  );
  expect(stale.exitCode).toBe(1);
  expect(await tsx(copy.folder, "scripts/contract/generate.ts")).toMatchObject({ exitCode: 0, stderr: "" });
  expect(copy.read("generated/openapi.d.ts")).toMatch(/^ +name\?: string;$/m);
});

test("what is no YAML is an error that says where", async () => {
  using copy = copyOfRepository();
  copy.write("openapi/openapi.yaml", `${copy.read("openapi/openapi.yaml")}\n   no: [yaml`);
  const { exitCode, stderr } = await tsx(copy.folder, "scripts/contract/generate.ts");
  expect(stderr).toMatch(/^.+ at openapi\/openapi\.yaml:\d+:\d+\n$/);
  expect(exitCode).toBe(1);
});

test("the docs offer the contract as one file, whatever files it is in", async () => {
  using copy = copyOfRepository(["openapi", "redocly.yaml", "scripts/docs"]);
  copy.split();
  const { exitCode, stdout, stderr } = await tsx(copy.folder, "scripts/docs/build.ts");
  expect(exitCode, stdout + stderr).toBe(0);
  const published = copy.read("site/openapi.yaml");
  expect(published).toContain("The Upload unique identifier");
  expect(published).not.toContain("upload.yaml");
});
