import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";

test("a build leaves nothing of an earlier one behind, and two can run at the same time", async () => {
  using copy = copyOfRepository(["src", "scripts", "generated", "package.json", "tsconfig.json"]);
  mkdirSync(join(copy.folder, "dist/src"), { recursive: true });
  copy.write("dist/src/renamed.js", "");
  const build = () => run("npm", ["run", "build", "--silent"], { cwd: copy.folder });
  for (const { exitCode, stdout } of await Promise.all([build(), build()])) {
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
  }
  expect(readdirSync(join(copy.folder, "dist")).sort()).toEqual(readdirSync("dist").sort());
  expect(readdirSync(copy.folder).filter((entry) => entry.startsWith("dist-"))).toEqual([]);
});
