// Writes the contract's types to generated/openapi.d.ts.
//   npm run generate [-- --check]
// With --check, it writes nothing and fails if they are out of date.
// A script, since only openapi-typescript's Node API can give a binary field the type Blob.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import openapiTypescript, { astToString, COMMENT_HEADER } from "openapi-typescript";
import ts from "typescript";
import { contract } from "./prism.js";
import { withPlaces } from "./redocly.js";

export const TYPES = "generated/openapi.d.ts";

/**
 * The contract's types, as the text of a module.
 *
 * @param folder The repository.
 */
export async function generateTypes(folder = "."): Promise<string> {
  const types = await openapiTypescript(pathToFileURL(join(folder, contract)), {
    transform: ({ format }) => (format === "binary" ? ts.factory.createTypeReferenceNode("Blob") : undefined),
    silent: true,
  });
  return COMMENT_HEADER + astToString(types);
}

export async function writeTypes(folder = "."): Promise<void> {
  writeFileSync(join(folder, TYPES), await generateTypes(folder));
}

/** Throws if the types are not the contract's. */
export async function checkTypes(folder = "."): Promise<void> {
  const file = join(folder, TYPES);
  if (!existsSync(file) || readFileSync(file, "utf8") !== (await generateTypes(folder))) {
    throw new Error(`${TYPES} is out of date. Run "npm run generate" and commit it.`);
  }
}

if (import.meta.filename === process.argv[1]) {
  try {
    if (process.argv.includes("--check")) await checkTypes();
    else {
      await writeTypes();
      console.log(`Wrote ${TYPES}.`);
    }
  } catch (error) {
    console.error(withPlaces(error instanceof Error ? error.message : String(error)));
    process.exitCode = 1;
  }
}
