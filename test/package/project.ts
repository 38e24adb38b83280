import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, inject } from "vitest";
import { run } from "../support/run.js";

/** A program that hangs is ended before its test is, in ms. */
export const TIMEOUT = 110_000;

/** A project in a folder of its own, which a test file's tests share. */
export interface Project {
  readonly folder: string;
  /** Writes a file, and gives its path. */
  write(file: string, text: string): string;
  /** What a program prints that runs in the folder; rejects with all that it printed if it fails. */
  output(command: string, ...args: string[]): Promise<string>;
}

/** The dependencies of such a project: the packed package, and these. */
export type Dependencies = Readonly<Record<string, string>>;

export function projectWith(
  dependencies: Dependencies,
  install: readonly string[] = ["npm", "install", "--prefer-offline", "--ignore-scripts", "--silent"],
): Project {
  const folder = mkdtempSync(join(tmpdir(), "openai-cancel-upload-"));
  const project: Project = {
    folder,
    write(file, text) {
      writeFileSync(join(folder, file), text);
      return join(folder, file);
    },
    async output(command, ...args) {
      const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: inject("prismUrl") };
      const signal = AbortSignal.timeout(TIMEOUT);
      const { exitCode, stdout, stderr } = await run(command, args, { cwd: folder, env, signal });
      if (exitCode === 0) return stdout;
      throw new Error(`${command} ${args.join(" ")} ended with ${exitCode}:\n${stdout}${stderr}`);
    },
  };
  beforeAll(async () => {
    const all = { "openai-cancel-upload": `file:${inject("tarball")}`, ...dependencies };
    project.write("package.json", JSON.stringify({ private: true, dependencies: all }));
    const [command = "", ...args] = install;
    await project.output(command, ...args);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  return project;
}

/** A program's text that cancels an Upload at the mock and prints its status, in either module system. */
export function programs(): { readonly esm: string; readonly commonJs: string; readonly options: string } {
  const options = JSON.stringify({ baseUrl: inject("prismUrl"), apiKey: "sk-test" });
  const cancel = `cancelUpload(createClient(${options}), "upload_abc123").then(({ status }) => console.log(status));`;
  return {
    options,
    esm: `import { cancelUpload, createClient } from "openai-cancel-upload";\n${cancel}`,
    commonJs: `const { cancelUpload, createClient } = require("openai-cancel-upload");\n${cancel}`,
  };
}
