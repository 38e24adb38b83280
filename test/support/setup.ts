import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { contract, startPrism } from "../../scripts/contract/prism.js";

declare module "vitest" {
  interface ProvidedContext {
    prismUrl: string;
  }
}

/** Builds the package and starts Prism once for all test files. Prism rejects requests that don't match the contract. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const build = promisify(execFile)(process.execPath, ["--import", "tsx", "scripts/client/build.ts"]);
  const [prism] = await Promise.all([startPrism(contract, "--errors"), build]);
  project.provide("prismUrl", prism.url);
  return async () => prism[Symbol.asyncDispose]();
}
