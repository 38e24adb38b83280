import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, inject } from "vitest";
import { run } from "../support/run.js";

/** After this time a program is killed, before its test times out. In ms. */
export const TIMEOUT = 110_000;

/** A project in a temporary folder, shared by the tests of a file. */
export interface Project {
  readonly folder: string;
  /** Writes a file, and returns its path. */
  write(file: string, text: string): string;
  /** Runs a program in the folder, and returns its standard output. If it fails, rejects with everything it printed. */
  output(command: string, ...args: string[]): Promise<string>;
}

/** Dependencies other than this package. */
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
      throw new Error(`${command} ${args.join(" ")} exited with ${exitCode}:\n${stdout}${stderr}`);
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

/** Programs that cancel an Upload at the mock and print its status, and the client options that they use. */
export function programs(): { readonly esm: string; readonly commonJs: string; readonly options: string } {
  const options = JSON.stringify({ baseUrl: inject("prismUrl"), apiKey: "sk-test" });
  const cancel = `cancelUpload(createClient(${options}), "upload_abc123").then(({ status }) => console.log(status));`;
  return {
    options,
    esm: `import { cancelUpload, createClient } from "openai-cancel-upload";\n${cancel}`,
    commonJs: `const { cancelUpload, createClient } = require("openai-cancel-upload");\n${cancel}`,
  };
}
