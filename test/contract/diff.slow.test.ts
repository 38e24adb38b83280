import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diff } from "../../scripts/contract/diff.js";
import { contract } from "../../scripts/contract/prism.js";
import { type Copy, copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";
import { serve } from "../support/server.js";

// A copy must not be taken for a part of the repository that the temporary folder may be in.
process.env["GIT_CEILING_DIRECTORIES"] = tmpdir();

const BREAKING = ["        - purpose\n        - status\n", "        - status\n"] as const;

function git(copy: Copy, ...args: string[]): void {
  const author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
  execFileSync("git", [...author, ...args], { cwd: copy.folder, stdio: "pipe" });
}

/** A repository whose contract has this version. */
function repository(version: string): Copy {
  const copy = copyOfRepository();
  git(copy, "init", "--quiet");
  setVersion(copy, version);
  commit(copy);
  return copy;
}

function commit(copy: Copy): void {
  git(copy, "add", "openapi");
  git(copy, "commit", "--quiet", "--message", "Change the contract");
}

function setVersion(copy: Copy, version: string): void {
  copy.write(contract, copy.read(contract).replace(/^ {2}version: .*$/m, `  version: ${version}`));
}

test("the contract is compared with the last release, and before the first one with the start of its major version", async () => {
  using copy = repository("2.0.0");
  copy.editContract(...BREAKING);
  const edited = await diff(undefined, copy.folder);
  expect(edited.output).toContain("changed (-required) #/components/schemas/Upload/properties/purpose");
  expect(edited.output).toMatch(/info\.version was 2\.0\.0 at \w+ and is 2\.0\.0; it must be 3\.0\.0 or higher\.$/);
  expect(edited.exitCode).toBe(1);

  setVersion(copy, "2.1.0");
  commit(copy);
  copy.editContract("Cancels the Upload.", "Cancels it.");
  setVersion(copy, "2.1.1");
  commit(copy);
  expect((await diff(undefined, copy.folder)).output).toMatch(
    /was 2\.0\.0 at \w+ and is 2\.1\.1; it must be 3\.0\.0 or/,
  );
  expect(await diff("HEAD~", copy.folder)).toMatchObject({ exitCode: 0 });

  git(copy, "tag", "v0.1.0");
  expect(await diff(undefined, copy.folder)).toEqual({
    exitCode: 0,
    output: "0 major, 0 minor, 0 patch. info.version was 2.1.1 at v0.1.0 and is 2.1.1.",
  });
});

test("a split contract is compared as a whole, and a name that it adds to the types is a change", async () => {
  using copy = repository("1.0.0");
  copy.splitContract();
  expect((await diff(undefined, copy.folder)).output).toMatch(/^0 major, 0 minor, 0 patch/);
  git(copy, "mv", "-k", "openapi/Upload.yaml", "openapi/file.yaml");
  copy.write("openapi/file.yaml", copy.read("openapi/Upload.yaml").replace("- purpose\n", ""));
  copy.write(contract, copy.read(contract).replaceAll("./Upload.yaml", "./file.yaml"));
  const { exitCode, output } = await diff(undefined, copy.folder);
  expect(output).toContain("patch: added the schema file");
  expect(output).toContain("major: changed (-required) #/components/schemas/file/properties/purpose");
  expect(exitCode).toBe(1);
});

test("the earlier version can be a file or a URL", async () => {
  using copy = repository("1.0.0");
  const text = copy.read(contract);
  copy.write("earlier.yaml", text.replace("version: 1.0.0", "version: 0.9.0"));
  await using server = await serve((request, response) => {
    response.writeHead(request.url === "/v1/openapi.yaml" ? 200 : 404).end(text);
  });
  const file = join(copy.folder, "earlier.yaml");
  for (const [base, version] of [
    [file, "0.9.0"],
    [`${server.url}/openapi.yaml`, "1.0.0"],
  ] as const) {
    const output = `0 major, 0 minor, 0 patch. info.version was ${version} at ${base} and is 1.0.0.`;
    expect(await diff(base, copy.folder)).toEqual({ exitCode: 0, output });
  }
  await expect(diff(`${server.url}/none.yaml`, copy.folder)).rejects.toThrow("404");
});

test("without a git history to compare with, it says so and passes", async () => {
  using copy = repository("1.0.0");
  rmSync(join(copy.folder, ".git"), { recursive: true });
  const { exitCode, output } = await diff(undefined, copy.folder);
  expect(output).toContain("so there is nothing to compare with");
  expect(exitCode).toBe(0);
});

test("npm run contract:diff prints the comparison, and exits with its code", async () => {
  const { exitCode, stdout } = await run("npm", ["run", "--silent", "contract:diff", "--", "v9"]);
  expect(stdout).toContain("v9 is neither a file nor a git revision with openapi/openapi.yaml.");
  expect(exitCode).toBe(2);
});
