import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { contract } from "../../scripts/contract/prism.js";

/** A copy of the repository for a test that changes files. The `using` that holds it deletes it. */
export interface Copy extends Disposable {
  readonly folder: string;
  read(file: string): string;
  write(file: string, text: string): void;
  /** Replaces text in the contract. Throws if the text isn't there. */
  editContract(before: string, after: string): void;
  /** Moves the schema of an Upload to its own file, openapi/Upload.yaml. */
  splitContract(): void;
}

const NEEDED_BY_SCRIPTS = ["src", "openapi", "generated", "package.json", "redocly.yaml", "tsconfig.json"];

/** @param entries The files and folders to copy. */
export function copyOfRepository(entries: readonly string[] = NEEDED_BY_SCRIPTS): Copy {
  const folder = mkdtempSync(join(tmpdir(), "openai-cancel-upload-"));
  for (const entry of entries) cpSync(entry, join(folder, entry), { recursive: true });
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"), "junction");

  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  return {
    folder,
    read,
    write,
    editContract(before, after) {
      const text = read(contract);
      if (!text.includes(before)) throw new Error(`the contract has no ${before}`);
      write(
        contract,
        text.replace(before, () => after),
      );
    },
    splitContract() {
      const text = read(contract);
      const [schema = ""] = /(?<=^ {4}Upload:\n)(?: {6}.*\n)+/m.exec(text) ?? [];
      write(contract, text.replace(schema, '      $ref: "./Upload.yaml"\n'));
      write(join(contract, "../Upload.yaml"), schema.replaceAll(/^ {6}/gm, "").replaceAll('"#', '"./openapi.yaml#'));
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
