import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { run } from "./support/run.js";

const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"]);
const [packed]: [{ files: { path: string }[] }] = JSON.parse(stdout);
const files = packed.files.map(({ path }) => path);

const modules = ["index.js", "index.cjs", "index.d.ts", "index.d.cts"].map((file) => `dist/${file}`);
const maps = modules.map((file) => `${file}.map`);

test("the package contains the library, the command, the contract, and the sources its source maps refer to", () => {
  const sources = maps.flatMap((map) => {
    const { sources }: { sources: string[] } = JSON.parse(readFileSync(map, "utf8"));
    return sources.map((source) => join(dirname(map), source));
  });
  expect(sources).toContain("src/cancel-upload.ts");
  expect(files.sort()).toEqual(
    [
      ...["LICENSE", "README.md", "package.json", "openapi/openapi.yaml"],
      ...["dist/cli.js", "dist/cli.js.LICENSE.txt", ...modules, ...maps, ...new Set(sources)],
    ].sort(),
  );
});

test("the library loads no CLI code and no package other than openapi-fetch", async () => {
  const options = { bundle: true, write: false, metafile: true, format: "esm", platform: "neutral" } as const;
  const { metafile } = await build({ ...options, entryPoints: ["dist/index.js"], packages: "external" });
  const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports);
  expect(imported.filter(({ external }) => external).map(({ path }) => path)).toEqual(["openapi-fetch"]);
  expect(Object.keys(metafile.inputs)).not.toContain("dist/cli.js");
});

test("the licenses of everything bundled into the command go with it, under the version that is bundled", () => {
  const licenses = readFileSync("dist/cli.js.LICENSE.txt", "utf8");
  const versions = ["commander", "openapi-fetch", "pretty-bytes", "undici"].map((name) => {
    const { version }: { version: string } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
    return `${name} ${version}`;
  });
  const titles = licenses.split("\n").filter((line) => /^\S+ \d+\.\d+\.\d+(?:\/|$)/.test(line));
  expect(titles).toEqual([...versions, `${versions.at(-1)}/lib/web/fetch`]);
  expect(licenses).toContain("Copyright (c) Matteo Collina and Undici contributors");
  expect(licenses).toContain("Copyright (c) 2020 Ethan Arrowood"); // undici's fetch
});
