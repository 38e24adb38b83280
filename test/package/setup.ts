import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    tarball: string;
  }
}

/** Packs the package once for all test files. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "openai-cancel-upload-"));
  const [packed]: { filename: string }[] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--silent", "--ignore-scripts", "--pack-destination", folder], {
      encoding: "utf8",
    }),
  );
  if (packed === undefined) throw new Error("npm pack made no tarball");
  project.provide("tarball", join(folder, packed.filename));
  return () => rmSync(folder, { recursive: true });
}
