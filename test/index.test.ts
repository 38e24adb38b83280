import ts from "typescript";
import { expect, test } from "vitest";
import * as publicSurface from "../src/index.js";

test("these are the public functions and errors", () => {
  expect(Object.keys(publicSurface).sort()).toEqual([
    "ApiError",
    "ClientError",
    "ConnectionError",
    "InvalidResponseError",
    "TimeoutError",
    "cancelUpload",
    "cancelUploads",
    "createClient",
  ]);
});

test("everything of ours that is exported is documented", () => {
  const program = ts.createProgram(["src/index.ts"], { module: ts.ModuleKind.NodeNext });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile("src/index.ts");
  const module = source && checker.getSymbolAtLocation(source);
  const exported = module ? checker.getExportsOfModule(module).map((symbol) => checker.getAliasedSymbol(symbol)) : [];
  const written = exported.filter(({ declarations = [] }) =>
    declarations.some((declaration) => /\/src\/[\w-]+\.ts$/.test(declaration.getSourceFile().fileName)),
  );
  const undocumented = written.filter((symbol) => symbol.getDocumentationComment(checker).length === 0);
  expect(written.length).toBeGreaterThan(15);
  expect(undocumented.map(({ name }) => name)).toEqual([]);
});
