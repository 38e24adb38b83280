import { exec } from "node:child_process";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import manifest from "../package.json" with { type: "json" };
import type { Client } from "./measure.js";

export const shell: typeof exec.__promisify__ = promisify(exec);

/** The newest versions that run on Node 20.19, the oldest that this package supports. */
const [HEY_API, OPENAI, P_MAP] = ["0.95.0", "6.49.0", "7.1.1"];
const OPENAPI_FETCH = manifest.dependencies["openapi-fetch"].replace("^", "");
const { typescript: TYPESCRIPT, "@redocly/cli": REDOCLY } = manifest.devDependencies;

const contract = "../../openapi/openapi.yaml";
const install = "npm install --omit=dev --prefer-offline --no-audit --no-fund --no-package-lock";
const installOurs = `${install} ../*.tgz`;
const installOpenapiFetch = `${install} openapi-fetch@${OPENAPI_FETCH} && openapi-typescript ${contract} -o client/openapi.d.ts`;
const generateByRedocly = `redocly generate-client ${contract} --output client/client.ts`;
const generateByHeyApi = `${install} @hey-api/openapi-ts@${HEY_API} typescript@${TYPESCRIPT} && npx openapi-ts --input ${contract} --output client && rm -r node_modules`;

/** A client in a project of its own, .bench/<id>, with the program in bench/programs/<id>. */
export interface Peer extends Client {
  readonly id: string;
  /** The shell command that installs or generates it there. */
  readonly setUp: string;
}

/** Bare `fetch` first, then openapi-fetch. */
export const peers: readonly Peer[] = [
  { id: "fetch", name: `fetch ${process.version}`, kind: "doesn't retry", setUp: "true" },
  { id: "openapi-fetch", name: `openapi-fetch ${OPENAPI_FETCH}`, kind: "doesn't retry", setUp: installOpenapiFetch },
  { id: "hey-api", name: `@hey-api/openapi-ts ${HEY_API}`, kind: "doesn't retry", setUp: generateByHeyApi },
  { id: "openai-cancel-upload", name: `openai-cancel-upload ${manifest.version}`, kind: "ours", setUp: installOurs },
  { id: "redocly", name: `redocly generate-client ${REDOCLY}`, kind: "retries", setUp: generateByRedocly },
  { id: "openai", name: `openai ${OPENAI}`, kind: "retries", setUp: `${install} openai@${OPENAI}` },
];

/** A program in .bench/many that cancels the IDs on standard input. Its last argument is how many are in flight. */
export interface Pool extends Client {
  readonly program: string;
}

/** Bare `fetch` first. */
export const pools: readonly Pool[] = [
  { program: "compiled/fetch.js", name: "fetch in a pool", kind: "doesn't retry" },
  { program: "compiled/openai-cancel-upload.js", name: "cancelUploads()", kind: "ours" },
  { program: "node_modules/.bin/cancel-upload - --concurrency", name: "cancel-upload -", kind: "ours" },
  { program: "compiled/openai.js", name: `openai ${OPENAI} in p-map`, kind: "retries" },
];

/** Packs this package, and sets up every project. */
export async function prepare(): Promise<void> {
  await rm(".bench", { recursive: true, force: true });
  await mkdir(".bench");
  await shell("npm pack --pack-destination .bench");
  const many = { id: "many", setUp: `${installOurs} openai@${OPENAI} p-map@${P_MAP}` };
  await Promise.all(
    [...peers, many].map(async ({ id, setUp }) => {
      await cp(`bench/programs/${id}`, `.bench/${id}`, { recursive: true });
      await cp("bench/programs/tsconfig.json", `.bench/${id}/tsconfig.json`);
      await writeFile(`.bench/${id}/package.json`, '{ "private": true, "type": "module" }');
      await shell(setUp, { cwd: `.bench/${id}` });
      await shell(`tsc --project .bench/${id}`);
    }),
  );
}
