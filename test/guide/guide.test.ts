import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { contract } from "../../scripts/contract/prism.js";
import { type Copy, copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";

const guide = readFileSync("CONTRIBUTING.md", "utf8");

/** Applies the blocks of the guide to the copy, in their order. */
function follow(copy: Copy): void {
  for (const [, language, title = "", text = ""] of guide.matchAll(
    /^```(yaml|ts|diff)\n(?:#|\/\/|---) ([^\n]*)\n(.*?)^```$/gms,
  )) {
    const [file = "", place] = title.split(", under ");
    if (language === "yaml") {
      if (place === "paths") copy.editContract("components:\n", `${text}components:\n`);
      else copy.editContract("  schemas:\n", `  schemas:\n${text}`);
    } else if (language === "diff") {
      const lines = text.split("\n");
      const before = lines.filter((line) => !line.startsWith("+")).map((line) => line.slice(1));
      copy.write(file, copy.read(file).replace(before.join("\n"), lines.map((line) => line.slice(1)).join("\n")));
    } else copy.write(file, file === "src/index.ts" ? `${copy.read(file)}${text}` : text);
  }
  const [, major, minor] = /^ {2}version: (\d+)\.(\d+)\.\d+$/m.exec(copy.read(contract)) ?? [];
  copy.write(contract, copy.read(contract).replace(/^ {2}version: .*$/m, `  version: ${major}.${Number(minor) + 1}.0`));
}

test("after the guide to a new operation every check passes, and no other file is touched", async () => {
  const tracked = execFileSync("git", ["ls-files"], { encoding: "utf8" }).trim().split("\n");
  using copy = copyOfRepository(tracked);
  const git = (...args: string[]) => {
    const author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    return execFileSync("git", [...author, ...args], { cwd: copy.folder, encoding: "utf8" });
  };
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "Before");

  follow(copy);
  // The Vitest that the checks start would take the variables of this one for its own.
  const env = Object.fromEntries(
    Object.keys(process.env).flatMap((name) => (/^VITEST|^TEST$|^NODE_ENV$/.test(name) ? [[name, ""]] : [])),
  );
  for (const script of ["generate", "format", "check", "contract:diff", "test:docs"]) {
    const { exitCode, stdout, stderr } = await run("npm", ["run", script], { cwd: copy.folder, env });
    expect(exitCode, stdout + stderr).toBe(0);
  }

  expect(git("status", "--porcelain", "--untracked-files=all").trimEnd().split("\n").sort()).toEqual([
    " M generated/openapi.d.ts",
    " M openapi/openapi.yaml",
    " M src/index.ts",
    " M test/index.test.ts",
    "?? src/add-upload-part.ts",
    "?? src/complete-upload.ts",
    "?? test/add-upload-part.test.ts",
    "?? test/complete-upload.test.ts",
  ]);
});
