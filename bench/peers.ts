import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { contract } from "../scripts/contract/prism.js";

/** The newest of each that runs on the oldest Node that this package supports, 20.19: what follows them needs 22. */
const OPENAI = "6.49.0";
const HEY_API = "0.95.0";

/** Each peer lives in a folder of its own here, as in a user's project. */
export const workspace: string = resolve(".bench");

const run = promisify(execFile);
const bin = (name: string) => createRequire(import.meta.url).resolve(name);
export const tsc: string = bin("typescript/bin/tsc");

/** A way to cancel an Upload. Its program is bench/programs/<name>.ts. */
export interface Peer {
  readonly name: string;
  /** As people know it. */
  readonly title: string;
  readonly version: string;
  /** Whether it tries again and times out, here as set up by its program. */
  readonly resilient: boolean;
  /** Its program's project. */
  readonly folder: string;
}

interface Manifest {
  readonly version: string;
  readonly dependencies: { readonly "openapi-fetch": string };
  readonly devDependencies: { readonly "@redocly/cli": string };
}

/** Installs, generates and compiles every peer: those that are not resilient first, bare `fetch` at the head. */
export async function preparePeers(): Promise<readonly Peer[]> {
  const own: Manifest = JSON.parse(await readFile("package.json", "utf8"));
  const openapiFetch = own.dependencies["openapi-fetch"];
  const redocly = own.devDependencies["@redocly/cli"];
  const generator = join(workspace, "generator");

  await install(generator, { "@hey-api/openapi-ts": HEY_API, typescript: await versionOf("typescript") });
  return [
    await prepare("fetch", "fetch", process.version, false),
    await prepare("openapi-fetch", "openapi-fetch", openapiFetch, false, {
      dependencies: { "openapi-fetch": openapiFetch },
      generate: (folder) => copyFile("generated/openapi.d.ts", join(folder, "openapi.d.ts")),
    }),
    await prepare("hey-api", "@hey-api/openapi-ts", HEY_API, false, {
      generate: async (folder) => {
        const cli = join(generator, "node_modules/@hey-api/openapi-ts/bin/run.js");
        // From where the tsconfig.json is, which tells it to write imports that Node can resolve.
        await run(process.execPath, [cli, "-i", resolve(contract), "-o", folder], { cwd: join(folder, "..") });
      },
    }),
    await prepare("openai-cancel-upload", "openai-cancel-upload", own.version, true, {
      dependencies: { "openai-cancel-upload": `file:${await pack()}` },
    }),
    await prepare("redocly", "redocly generate-client", redocly, true, {
      generate: async (folder) => {
        const cli = bin("@redocly/cli/bin/cli.js");
        await run(process.execPath, [cli, "generate-client", contract, "--output", join(folder, "client.ts")]);
      },
    }),
    await prepare("openai", "openai", OPENAI, true, { dependencies: { openai: OPENAI } }),
  ];
}

interface Source {
  readonly dependencies?: Readonly<Record<string, string>>;
  /** Writes the client into this folder, from the contract. */
  readonly generate?: (folder: string) => Promise<void>;
}

async function prepare(
  name: string,
  title: string,
  version: string,
  resilient: boolean,
  { dependencies = {}, generate }: Source = {},
): Promise<Peer> {
  const folder = join(workspace, name);
  const client = join(folder, "client");
  await install(folder, dependencies);
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  await rm(client, { recursive: true, force: true });
  await mkdir(client);
  await generate?.(client);
  await copyFile(`bench/programs/${name}.ts`, join(folder, "program.ts"));
  await rm(join(folder, "compiled"), { recursive: true, force: true });
  await build({
    absWorkingDir: folder,
    entryPoints: ["program.ts", "client/**/*.ts"],
    outdir: "compiled",
    target: "node20",
    logLevel: "error",
  });
  return { name, title, version, resilient, folder };
}

/** As most projects have it. */
const tsconfig = {
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2022", "DOM", "DOM.Iterable"],
    types: [],
    module: "nodenext",
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  },
  files: ["program.ts"],
};

/** Does nothing where it is done already, but for a tarball: what is in it may have changed. */
async function install(folder: string, dependencies: Readonly<Record<string, string>>): Promise<void> {
  const manifest = JSON.stringify({ private: true, type: "module", dependencies });
  const done = join(folder, ".installed");
  const isTarball = Object.values(dependencies).some((version) => version.startsWith("file:"));
  if (!isTarball && (await readFile(done, "utf8").catch(() => "")) === manifest) return;

  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), manifest);
  const options = [
    "--omit=dev",
    "--no-package-lock",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  await run("npm", ["install", ...options], { cwd: folder });
  await writeFile(done, manifest);
}

/** @returns The tarball of this package, as it would be published. */
async function pack(): Promise<string> {
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", workspace]);
  const [packed]: { filename: string }[] = JSON.parse(stdout);
  if (packed === undefined) throw new Error("npm pack gave no tarball");
  return join(workspace, packed.filename);
}

async function versionOf(name: string): Promise<string> {
  const { version }: Manifest = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
  return version;
}
