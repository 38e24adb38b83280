import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { execute } from "../../scripts/contract/redocly.js";
import { type Copy, copyOfRepository } from "../support/copy.js";
import { type Ended, run } from "../support/run.js";

const CONTRACT = "openapi/openapi.yaml";
const TYPES = "generated/openapi.d.ts";

function generate({ folder }: Copy, ...options: string[]): Promise<Ended> {
  return run("npm", ["run", "--silent", "generate", "--", ...options], { cwd: folder });
}

test("types that are out of date fail --check, and npm run generate updates them, even if the contract is in several files", async () => {
  using copy = copyOfRepository();
  copy.splitContract();
  copy.write(
    "openapi/Upload.yaml",
    copy.read("openapi/Upload.yaml").replace("The name of the file", "The new name of the file"),
  );
  expect(await generate(copy, "--check")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("Generated types are not up-to-date!"),
  });
  expect(await generate(copy)).toMatchObject({ exitCode: 0 });
  expect(copy.read(TYPES)).toContain("The new name of the file");
  expect(await generate(copy, "--check")).toMatchObject({ exitCode: 0 });
});

test("npm run generate creates the folder of the types if it's missing", async () => {
  using copy = copyOfRepository();
  const types = copy.read(TYPES);
  rmSync(join(copy.folder, "generated"), { recursive: true });
  expect(await generate(copy)).toMatchObject({ exitCode: 0 });
  expect(copy.read(TYPES)).toBe(types);
});

test("openapi-typescript works without this repository's script too", async () => {
  using copy = copyOfRepository();
  const { exitCode, stdout } = await run("npx", ["openapi-typescript", CONTRACT], { cwd: copy.folder });
  expect(stdout).toBe(copy.read(TYPES));
  expect(exitCode).toBe(0);
});

test.for<[what: string, edit: (contract: string) => string, problem: RegExp]>([
  [
    "that isn't YAML",
    (contract) => `${contract}\n   no: [yaml`,
    /openapi\/openapi\.yaml:\s.*bad indentation.*\(\d+:\d+\)/s,
  ],
  ["that is empty", () => "", /openapi\/openapi\.yaml:\s.*Document must be JSON object/s],
  [
    "with a $ref that leads nowhere",
    (contract) => contract.replace("schemas/OpenAIFile", "schemas/Nothing"),
    /openapi\/openapi\.yaml:\d+:\d+ .*\s+Can't resolve \$ref/,
  ],
])("a contract %s is an error that says where and what, and the types stay as they were", async ([, edit, problem]) => {
  using copy = copyOfRepository();
  const types = copy.read(TYPES);
  copy.write(CONTRACT, edit(copy.read(CONTRACT)));
  const { exitCode, stdout, stderr } = await generate(copy);
  expect(stdout + stderr).toMatch(problem);
  expect(exitCode).not.toBe(0);
  expect(copy.read(TYPES)).toBe(types);
});

test("a contract that is renamed while its types are generated is an error without a stack", async () => {
  const bin = "node_modules/openapi-typescript/bin/cli.js";
  const { ok, output } = await execute(process.execPath, bin, "openapi/renamed.yaml");
  expect(output).toBe("openapi/renamed.yaml does not exist.");
  expect(ok).toBe(false);
});
