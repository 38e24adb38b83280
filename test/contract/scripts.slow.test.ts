import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { contract } from "../../scripts/contract/prism.js";
import { cancelledUpload } from "../support/contract.js";
import { copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";
import { json, serve } from "../support/server.js";

const REPOSITORY = [
  "src",
  "scripts",
  "openapi",
  "generated",
  "README.md",
  "package.json",
  "redocly.yaml",
  "tsconfig.json",
];

test("npm run contract:upstream compares the contract with a file or a URL", async () => {
  const upstream = (...args: string[]) => run("npm", ["run", "--silent", "contract:upstream", "--", ...args]);
  expect(await upstream(contract)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("has everything that"),
  });

  const description = readFileSync(contract, "utf8").replace(
    "        filename:\n",
    "        region: {}\n        filename:\n",
  );
  await using server = await serve((request, response) => {
    response.writeHead(request.url === "/v1/openapi.yaml" ? 200 : 404).end(description);
  });
  const changed = await upstream(`${server.url}/openapi.yaml`);
  expect(changed.stdout).toContain("anything, at #/components/schemas/Upload/properties/region");
  expect(changed.exitCode).toBe(1);

  const missing = await upstream(`${server.url}/none.yaml`);
  expect(missing.stderr).toMatch(/404.*Not Found/);
  expect(missing.stderr).toMatch(
    /download https:\/\/raw\.githubusercontent\.com\/openai\/.* contract:upstream -- openapi\.yaml/,
  );
  expect(missing.exitCode).toBe(2);
});

test("npm run contract:verify prints the result, and exits with its code", async () => {
  await using server = await serve(json(200, cancelledUpload));
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const { exitCode, stdout } = await run("npm", ["run", "--silent", "contract:verify"], { env });
  expect(stdout).toContain("answered 200, as the contract says.");
  expect(exitCode).toBe(0);
});

test("each command says in a few lines where a contract is broken", async () => {
  using copy = copyOfRepository(REPOSITORY);
  copy.write(contract, `${copy.read(contract)}\n   no: [yaml`);
  for (const script of ["mock", "docs", "contract:verify", "contract:upstream"]) {
    const { exitCode, stdout, stderr } = await run("npm", ["run", "--silent", script], { cwd: copy.folder });
    const lines = (stdout + stderr).split("\n").filter((line) => line.trim() !== "");
    expect(lines.at(-1), script).toMatch(/bad indentation of a mapping entry at openapi\/openapi\.yaml:\d+:4$/);
    expect(exitCode, script).toBeGreaterThan(0);
    expect(lines.length, script).toBeLessThan(3);
  }
});
