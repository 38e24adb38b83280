import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A project in a folder of its own, gone with the `using` that holds it. */
export interface Project extends Disposable {
  readonly folder: string;
  write(file: string, text: string): string;
}

/** A new project with nothing in it but this package, installed from the tarball that `npm pack` gives. */
export function projectWithTarball(...dependencies: string[]): Project {
  const folder = mkdtempSync(join(tmpdir(), "openai-cancel-upload-"));
  const write = (file: string, text: string) => {
    writeFileSync(join(folder, file), text);
    return join(folder, file);
  };
  write("package.json", JSON.stringify({ private: true, type: "module" }));
  const [packed]: { filename: string }[] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--silent", "--pack-destination", folder], { encoding: "utf8" }),
  );
  if (packed === undefined) throw new Error("npm pack made no tarball");
  execFileSync("npm", ["install", "--silent", resolve(folder, packed.filename), ...dependencies], { cwd: folder });
  return { folder, write, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}
