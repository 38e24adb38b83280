import { exec } from "node:child_process";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { promisify } from "node:util";
import manifest from "../package.json" with { type: "json" };

const shell = promisify(exec);
const { typescript, "@redocly/cli": redocly } = manifest.devDependencies;

interface Client {
  readonly name: string;
  /** Whether it retries and times out. */
  readonly retries: boolean;
}

/** A client that cancels one upload at a time. */
export interface Peer extends Client {
  /** A module in .bench. Its `connect(baseUrl)` returns a function that cancels. */
  readonly program: string;
}

/** A way to cancel many uploads. */
export interface Pool extends Client {
  /** What Node runs in .bench. It reads the IDs from standard input and takes `--concurrency`. */
  readonly command: readonly string[];
}

/**
 * Installs or generates every client in .bench. If no version is given, npm takes the newest that supports this Node.
 *
 * @param against A tarball of another build of this package. It comes first; otherwise bare `fetch` does.
 */
export async function setUp(against?: string): Promise<{ peers: readonly Peer[]; pools: readonly Pool[] }> {
  await rm(".bench", { recursive: true, force: true });
  await cp("bench/programs", ".bench", { recursive: true });
  await shell("npm pack --pack-destination .bench");
  await install(".bench", `./*.tgz openapi-fetch openai p-map @hey-api/openapi-ts typescript@${typescript}`);
  await shell("npx openapi-ts --input ../openapi/openapi.yaml --output hey-api-client", { cwd: ".bench" });
  await shell("redocly generate-client openapi/openapi.yaml --output .bench/redocly-client.ts");
  if (against !== undefined) {
    await cp("bench/programs/openai-cancel-upload.ts", ".bench/against/openai-cancel-upload.ts");
    await install(".bench/against", `"${resolve(against)}"`);
  }
  await shell("tsc --project .bench");

  const openai = await nameOf("openai");
  const ours = (name: string, folder: string) => {
    const program = `${folder}/openai-cancel-upload.js`;
    const cli = `${folder}/node_modules/.bin/cancel-upload`;
    return {
      peers: [{ name, program, retries: true }],
      pools: [
        { name: `${name}: cancelUploads()`, command: ["many.js", program], retries: true },
        { name: `${name}: cancel-upload -`, command: [cli, "-"], retries: true },
      ],
    };
  };
  const others = {
    peers: [
      { name: "fetch", program: "./fetch.js", retries: false },
      { name: await nameOf("openapi-fetch"), program: "./openapi-fetch.js", retries: false },
      { name: await nameOf("@hey-api/openapi-ts"), program: "./hey-api.js", retries: false },
      { name: `redocly generate-client ${redocly}`, program: "./redocly.js", retries: true },
      { name: openai, program: "./openai.js", retries: true },
    ],
    pools: [
      { name: "fetch in p-map", command: ["many.js", "./fetch.js"], retries: false },
      { name: `${openai} in p-map`, command: ["many.js", "./openai.js"], retries: true },
    ],
  };
  const clients = [
    ...(against === undefined ? [] : [ours(basename(against), "./against")]),
    others,
    ours(await nameOf("openai-cancel-upload"), "."),
  ];
  return { peers: clients.flatMap(({ peers }) => peers), pools: clients.flatMap(({ pools }) => pools) };
}

async function install(folder: string, packages: string): Promise<void> {
  await writeFile(`${folder}/package.json`, '{ "private": true, "type": "module" }');
  await shell(`npm install --no-audit --no-fund ${packages}`, { cwd: folder });
}

async function nameOf(name: string): Promise<string> {
  const installed = await readFile(`.bench/node_modules/${name}/package.json`, "utf8");
  const { version }: { readonly version: string } = JSON.parse(installed);
  return `${name} ${version}`;
}
