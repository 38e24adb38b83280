import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Copy, copyOfRepository } from "../support/copy.js";
import { type Ended, run } from "../support/run.js";

const BREAKING = ["        - purpose\n        - status\n", "        - status\n"] as const;
const VERSION = / {2}version: \d+\.\d+\.\d+/;

function git(copy: Copy, ...args: string[]): void {
  const author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
  execFileSync("git", [...author, ...args], { cwd: copy.folder, stdio: "pipe" });
}

function repository(): Copy {
  const copy = copyOfRepository();
  git(copy, "init", "--quiet");
  setVersion(copy, "1.0.0");
  commit(copy);
  return copy;
}

function commit(copy: Copy): void {
  git(copy, "add", "openapi");
  git(copy, "commit", "--quiet", "--message", "Change the contract");
}

function setVersion(copy: Copy, version: string): void {
  const [current = ""] = VERSION.exec(copy.read("openapi/openapi.yaml")) ?? [];
  copy.edit(current, `  version: ${version}`);
}

function diff(copy: Copy, ...args: string[]): Promise<Ended> {
  // No repository of which the folder for temporary files may be a part.
  const env = { GIT_CEILING_DIRECTORIES: join(copy.folder, "..") };
  return run(process.execPath, ["--import", "tsx", "scripts/contract/diff.ts", ...args], { cwd: copy.folder, env });
}

test("a breaking change needs a major version, while it is edited and once it is committed", async () => {
  using copy = repository();
  copy.edit(...BREAKING);
  const edited = await diff(copy);
  expect(edited.stdout).toContain("require a major bump (2.0.0)");
  expect(edited.exitCode).toBe(1);

  commit(copy);
  expect(await diff(copy)).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining("require a major bump (2.0.0)"),
  });

  setVersion(copy, "2.0.0");
  expect(await diff(copy, "HEAD~")).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Diff passed") });
});

test("a release is what is compared with, whatever was committed since", async () => {
  using copy = repository();
  git(copy, "tag", "v0.1.0");
  copy.edit(...BREAKING);
  commit(copy);
  copy.edit("Cancels the Upload.", "Cancels it.");
  commit(copy);
  const { exitCode, stdout, stderr } = await diff(copy);
  expect(stdout + stderr).toContain("v0.1.0 vs openapi/openapi.yaml");
  expect(stdout + stderr).toContain("require a major bump (2.0.0)");
  expect(exitCode).toBe(1);

  expect((await diff(copy, "HEAD~")).stdout).toContain("require a patch bump (1.0.1)");
});

test("a contract that has not changed passes", async () => {
  using copy = repository();
  git(copy, "tag", "v0.1.0");
  expect(await diff(copy)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("0 major, 0 minor, 0 patch") });
});

test("where there is no history to compare with, it says so and passes", async () => {
  using first = repository();
  using shallow = repository();
  shallow.edit(...BREAKING);
  commit(shallow);
  git(shallow, "fetch", "--quiet", "--depth=1", `file://${shallow.folder}`, "HEAD");
  git(shallow, "checkout", "--quiet", "FETCH_HEAD");
  using none = repository();
  rmSync(join(none.folder, ".git"), { recursive: true });
  for (const copy of [first, shallow, none]) {
    const { exitCode, stdout, stderr } = await diff(copy);
    expect(stdout + stderr).toContain("nothing to compare with");
    expect(exitCode).toBe(0);
  }
});

test("a revision that has no contract is an error that says so", async () => {
  using copy = repository();
  const { exitCode, stdout, stderr } = await diff(copy, "v9");
  expect(stdout + stderr).toContain("There is no openapi/openapi.yaml at the git revision v9");
  expect(exitCode).toBe(2);
});
