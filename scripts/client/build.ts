// Bundles src into dist: however many files src has, an import loads one.
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BuildOptions, build, transform } from "esbuild";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";

const ENTRY = "src/index.ts";
const shared = { bundle: true, format: "esm", target: "es2022" } satisfies BuildOptions;

/** The library as an ES module and as CommonJS, each with a source map to the src in the package. */
async function buildModules(folder: string): Promise<void> {
  const mapped = { ...shared, sourcemap: "inline", sourcesContent: false, write: false } as const;
  const entry = { entryPoints: [ENTRY], outfile: join(folder, "index.js") };
  const { outputFiles } = await build({ ...mapped, ...entry, platform: "neutral", packages: "external" });
  const formats = { "index.js": "esm", "index.cjs": "cjs" } as const;
  for (const { text } of outputFiles) {
    for (const [file, format] of Object.entries(formats)) {
      // CommonJS comes from transform(), since build() follows package.json's "type": "module": a default import of a
      // CommonJS package would be all of its exports there.
      const { code, map } = await transform(text, { format, sourcemap: true, sourcesContent: false });
      await writeFile(join(folder, file), `${code}//# sourceMappingURL=${file}.map\n`);
      await writeFile(join(folder, `${file}.map`), map);
    }
  }
}

async function buildTypes(folder: string): Promise<void> {
  await using bundle = await rollup({ input: ENTRY, external: ["openapi-fetch"], plugins: [dts({ sourcemap: true })] });
  for (const file of ["index.d.ts", "index.d.cts"]) await bundle.write({ file: join(folder, file), sourcemap: true });
}

/** The command, bundled with its dependencies, which the library doesn't need. Their licenses go with it. */
async function buildCli(folder: string): Promise<void> {
  // The CommonJS packages in it call require() for Node's own modules.
  const js = 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);';
  const { metafile } = await build({
    ...shared,
    entryPoints: ["src/cli/cli.ts"],
    outfile: join(folder, "cli.js"),
    platform: "node",
    banner: { js },
    metafile: true,
  });
  await writeFile(join(folder, "cli.js.LICENSE.txt"), await licensesOf(Object.keys(metafile.inputs)));
}

/** The licenses of the packages that these files are from. A folder in a package can have a license of its own. */
async function licensesOf(files: readonly string[]): Promise<string> {
  const packages = new Map<string, string>();
  for (const file of files) {
    const [root] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? [];
    if (root === undefined) continue;
    for (let folder = dirname(file); folder.startsWith(root); folder = dirname(folder)) packages.set(folder, root);
  }
  const licenses = [...packages].sort().map(async ([folder, root]) => {
    const license = (await readdir(folder)).find((file) => /^licen[cs]e/i.test(file));
    if (license === undefined && folder !== root) return [];
    if (license === undefined) throw new Error(`${root} has no license file to put beside dist/cli.js`);
    const manifest: { name: string; version: string } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const title = `${manifest.name} ${manifest.version}${folder.slice(root.length)}`;
    return `${title}\n\n${await readFile(join(folder, license), "utf8")}`;
  });
  return (await Promise.all(licenses)).flat().join("\n\n");
}

const folder = await mkdtemp("dist-");
try {
  await Promise.all([buildModules(folder), buildTypes(folder), buildCli(folder)]);
  const files = await readdir(folder);
  await mkdir("dist", { recursive: true });
  // File by file, so that a process that reads dist at the same time finds every file, and finds it complete.
  for (const file of files) await rename(join(folder, file), join("dist", file));
  for (const file of await readdir("dist")) {
    if (!files.includes(file)) await rm(join("dist", file), { recursive: true, force: true });
  }
} finally {
  await rm(folder, { recursive: true });
}
