// Writes the contract's types to generated/openapi.d.ts.
//   npm run generate
// A script, since only openapi-typescript's Node API can give a binary field the type Blob.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import openapiTypescript, { astToString, COMMENT_HEADER } from "openapi-typescript";
import ts from "typescript";
import { contract } from "./prism.js";
import { withPlaces } from "./redocly.js";

export const TYPES = "generated/openapi.d.ts";

/** The contract's types, as the text of a module. */
export async function generateTypes(): Promise<string> {
  const types = await openapiTypescript(pathToFileURL(contract), {
    transform: ({ format }) => (format === "binary" ? ts.factory.createTypeReferenceNode("Blob") : undefined),
    silent: true,
  });
  return COMMENT_HEADER + astToString(types);
}

async function generate(): Promise<void> {
  const types = await generateTypes();
  if (!process.argv.includes("--check")) {
    writeFileSync(TYPES, types);
    console.log(`Wrote ${TYPES}.`);
  } else if (!existsSync(TYPES) || types !== readFileSync(TYPES, "utf8")) {
    throw new Error(`${TYPES} is older than the contract. Run "npm run generate" and commit it.`);
  }
}

if (import.meta.filename === process.argv[1]) {
  await generate().catch((error: unknown) => {
    console.error(withPlaces(error instanceof Error ? error.message : String(error)));
    process.exitCode = 1;
  });
}
