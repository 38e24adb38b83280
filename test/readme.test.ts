import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const readme = readFileSync("README.md", "utf8");
const { name, bin, scripts }: { name: string; bin: object; scripts: object } = JSON.parse(
  readFileSync("package.json", "utf8"),
);

function blocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, of, code]) =>
    of === language && code !== undefined ? [code] : [],
  );
}

test("every TypeScript block of the README compiles at the strictest, each on its own", () => {
  const { options } = ts.convertCompilerOptionsFromJson(
    ts.readConfigFile("tsconfig.json", ts.sys.readFile).config.compilerOptions,
    ".",
  );
  const sources = new Map(
    blocks("ts").map((code, index) => [resolve(`README-${index + 1}.ts`), `${code}\nexport {};`]),
  );
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram(
    [...sources.keys()],
    { ...options, paths: { "openai-cancel-upload": [resolve("src/index.ts")] }, noUnusedLocals: false },
    {
      ...host,
      fileExists: (file) => sources.has(file) || host.fileExists(file),
      readFile: (file) => sources.get(file) ?? host.readFile(file),
      getSourceFile: (file, target) =>
        sources.has(file)
          ? ts.createSourceFile(file, sources.get(file) ?? "", target)
          : host.getSourceFile(file, target),
    },
  );
  expect(sources.size).toBeGreaterThan(0);
  expect(ts.formatDiagnostics(ts.getPreEmitDiagnostics(program), host)).toBe("");
});

test("every npm script that the README names exists", () => {
  const named = [...readme.matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
    ([, script, lifecycle]) => script ?? lifecycle ?? "",
  );
  expect(named).not.toHaveLength(0);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
});

test("every command of its shell blocks is this package's, npm's or the system's", () => {
  const lines = blocks("sh").flatMap((block) =>
    block
      .replaceAll(/'[^']*'/g, "''")
      .replaceAll(/ *#.*\n/g, "\n")
      .split(/\n|&&|\|/)
      .filter((line) => line.trim() !== ""),
  );
  const commands = lines.map((line) => line.trim().split(/ +/));
  expect(commands.length).toBeGreaterThan(5);
  for (const [command, ...args] of commands) {
    if (command === "npx" || (command === "npm" && args[0] === "install")) expect(args).toContain(name);
    else expect([...Object.keys(bin), "npm", "curl", "export", "grep", "jq"]).toContain(command);
  }
});
