// Bundles src into dist, so that a file for an idea costs nothing at import.
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildOptions, build, transform } from "esbuild";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";

const ENTRY = "src/index.ts";
const shared = { bundle: true, format: "esm", target: "es2022" } satisfies BuildOptions;

/** One bundle as an ES module, and the same as CommonJS, each with a map to the src that is in the package. */
async function buildModules(folder: string): Promise<void> {
  const mapped = { ...shared, sourcemap: "inline", sourcesContent: false, write: false } as const;
  const entry = { entryPoints: [ENTRY], outfile: join(folder, "index.js") };
  const { outputFiles } = await build({ ...mapped, ...entry, platform: "neutral", packages: "external" });
  const formats = { "index.js": "esm", "index.cjs": "cjs" } as const;
  for (const { text } of outputFiles) {
    for (const [file, format] of Object.entries(formats)) {
      // By transform(): in CommonJS that build() makes of a package of ES modules, the default export of another's
      // CommonJS would be all of its exports.
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

/** With all that it needs, so that those who only import the package don't install it. */
async function buildCli(folder: string): Promise<void> {
  // What is CommonJS in it requires Node's own modules.
  const js = 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);';
  await build({
    ...shared,
    entryPoints: ["src/cli/cli.ts"],
    outfile: join(folder, "cli.js"),
    platform: "node",
    banner: { js },
  });
}

const folder = await mkdtemp("dist-");
try {
  await Promise.all([buildModules(folder), buildTypes(folder), buildCli(folder)]);
  const files = await readdir(folder);
  await mkdir("dist", { recursive: true });
  // File by file: a process that reads dist meanwhile finds each, and whole.
  for (const file of files) await rename(join(folder, file), join("dist", file));
  for (const file of await readdir("dist")) {
    if (!files.includes(file)) await rm(join("dist", file), { recursive: true, force: true });
  }
} finally {
  await rm(folder, { recursive: true });
}
