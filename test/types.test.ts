import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { endpointsOf, readContract } from "../scripts/contract/contract.js";
import { codeBlocks } from "./support/readme.js";

const PUBLIC_SURFACE = "src/index.ts";
const BUNDLED_TYPES = "dist/index.d.ts";
const TYPE_TESTS = "test/index.test-d.ts";

const samples = endpointsOf(await readContract()).map(({ operationId, "x-codeSamples": all = [] }) => {
  const { source = "" } = all.find(({ lang }) => lang === "TypeScript") ?? {};
  return [`sample-${operationId}.ts`, source] as const;
});
const blocks = codeBlocks("ts").map((code, index) => [`README-${index + 1}.ts`, code] as const);
const documented = new Map([...blocks, ...samples].map(([file, code]) => [resolve(file), `${code}\nexport {};`]));

// One program for everything, because most of its time goes into TypeScript's own libraries.
const { config } = ts.readConfigFile("tsconfig.json", ts.sys.readFile);
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ".");
const host = ts.createCompilerHost(options);
const program = ts.createProgram(
  [PUBLIC_SURFACE, BUNDLED_TYPES, TYPE_TESTS, ...documented.keys()],
  { ...options, paths: { "openai-cancel-upload": [resolve(PUBLIC_SURFACE)] } },
  {
    ...host,
    fileExists: (file) => documented.has(file) || host.fileExists(file),
    readFile: (file) => documented.get(file) ?? host.readFile(file),
    getSourceFile: (file, target) => {
      const code = documented.get(file);
      return code === undefined ? host.getSourceFile(file, target) : ts.createSourceFile(file, code, target);
    },
  },
);
const checker = program.getTypeChecker();

function diagnosticsOf(file: string): readonly ts.Diagnostic[] {
  return ts.getPreEmitDiagnostics(program, program.getSourceFile(file));
}

function format(diagnostics: readonly ts.Diagnostic[]): string {
  return ts.formatDiagnostics(diagnostics, host);
}

function exportsOf(file: string): ts.Symbol[] {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  return module ? checker.getExportsOfModule(module) : [];
}

function hasDocs(symbol: ts.Symbol): boolean {
  return symbol.getDocumentationComment(checker).length + symbol.getJsDocTags(checker).length > 0;
}

test("the public types pass the tests in test/index.test-d.ts", () => {
  expect(readFileSync(TYPE_TESTS, "utf8")).toContain("expectTypeOf");
  expect(format(diagnosticsOf(TYPE_TESTS))).toBe("");
});

describe("with the strictest settings, this compiles on its own:", () => {
  test.for(blocks)("%s", ([file]) => {
    // A block can leave the use of a variable to its reader.
    expect(format(diagnosticsOf(resolve(file)).filter(({ reportsUnnecessary }) => !reportsUnnecessary))).toBe("");
  });

  test.for(samples)("the docs' %s", ([file]) => {
    expect(format(diagnosticsOf(resolve(file)))).toBe("");
  });

  test("the README has TypeScript blocks, and every operation has a sample", () => {
    expect(blocks.length).toBeGreaterThan(0);
    for (const [, source] of samples) expect(source).not.toBe("");
  });
});

test("every export of our own has a doc comment", () => {
  const own = exportsOf(PUBLIC_SURFACE)
    .map((symbol) => checker.getAliasedSymbol(symbol))
    .filter(({ declarations = [] }) =>
      declarations.some((declaration) => /\/src\/[\w-]+\.ts$/.test(declaration.getSourceFile().fileName)),
    );
  const undocumented = own.filter((symbol) => symbol.getDocumentationComment(checker).length === 0);
  expect(own.length).toBeGreaterThan(15);
  expect(undocumented.map(({ name }) => name)).toEqual([]);
});

test("an editor shows the description of each field of an Upload", () => {
  for (const name of ["Upload", "CancelledUpload"]) {
    const fields = exportsOf(BUNDLED_TYPES)
      .filter((symbol) => symbol.name === name)
      .flatMap((symbol) => checker.getDeclaredTypeOfSymbol(symbol).getProperties());
    expect(fields.length).toBeGreaterThan(8);
    expect(fields.filter((field) => !hasDocs(field)).map((field) => field.name)).toEqual([]);
  }
});
