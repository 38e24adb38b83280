import { execFileSync } from "node:child_process";
import type { TestProject } from "vitest/node";
import { contract, startPrism } from "../../scripts/contract/prism.js";

declare module "vitest" {
  interface ProvidedContext {
    prismUrl: string;
  }
}

/** One build and one Prism for all test files: it serves the contract, and refuses what departs from it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync("npm", ["run", "build", "--silent"], { stdio: "inherit" });
  const prism = await startPrism("mock", contract, "--errors");
  project.provide("prismUrl", prism.url);
  return async () => prism[Symbol.asyncDispose]();
}
