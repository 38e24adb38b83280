import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { run } from "./support/run.js";

const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"]);
const [packed]: [{ files: { path: string }[] }] = JSON.parse(stdout);
const files = packed.files.map(({ path }) => path);

test("the package has what its users need, and nothing else", () => {
  const modules = ["index.js", "index.cjs", "index.d.ts", "index.d.cts"].flatMap((file) => [file, `${file}.map`]);
  expect(files.filter((file) => !file.startsWith("src/")).sort()).toEqual(
    [
      ...["LICENSE", "README.md", "package.json", "openapi/openapi.yaml", "generated/openapi.d.ts"],
      ...["cli.js", "cli.js.LICENSE.txt", ...modules].map((file) => `dist/${file}`),
    ].sort(),
  );
});

test("go to definition leads to TypeScript: each source that a map names is in the package", () => {
  const maps = files.filter((file) => file.endsWith(".map"));
  expect(maps.length).toBeGreaterThan(0);
  for (const map of maps) {
    const { sources }: { sources: string[] } = JSON.parse(readFileSync(map, "utf8"));
    for (const source of sources) expect(files).toContain(join(dirname(map), source));
  }
});

test("the library loads nothing of the CLI, and no package but openapi-fetch", async () => {
  const options = { bundle: true, write: false, metafile: true, format: "esm", platform: "neutral" } as const;
  const { metafile } = await build({ ...options, entryPoints: ["dist/index.js"], packages: "external" });
  const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports);
  expect(imported.filter(({ external }) => external).map(({ path }) => path)).toEqual(["openapi-fetch"]);
  expect(Object.keys(metafile.inputs)).not.toContain("dist/cli.js");
});

test("importing it uses no API that a platform may lack, as Jest with jsdom lacks TextDecoder", async () => {
  const script = `
    for (const name of ["TextDecoder", "Headers", "Request", "Response", "fetch", "AbortController"]) delete globalThis[name];
    const { cancelUpload } = await import("./dist/index.js");
    console.log(typeof cancelUpload);`;
  expect(await run(process.execPath, ["--input-type=module", "--eval", script])).toEqual({
    exitCode: 0,
    stdout: "function\n",
    stderr: "",
  });
});
