import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { Contract } from "../../scripts/contract/contract.js";
import { rate } from "../../scripts/contract/diff.js";
import { contract } from "../../scripts/contract/prism.js";

type Edit = readonly [before: string, after: string];

function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((changed, [before, after]) => {
    if (!changed.includes(before)) throw new Error(`the contract has no ${before}`);
    return changed.replace(before, () => after);
  }, text);
}

/** The contract at version 1.0.0, with a request to change, a header that every response has, and a few more schemas. */
const base = edited(readFileSync(contract, "utf8").replace(/^ {2}version: .*$/m, "  version: 1.0.0"), [
  [
    "      parameters:\n",
    `      requestBody:
        content: { application/json: { schema: { type: object, properties: { note: { type: string }, by: { type: string } } } } }
      parameters:
        - { name: reason, in: query, required: true, schema: { type: string, enum: [a, b], minLength: 2, maxLength: 5 } }
`,
  ],
  ["which OpenAI's support asks for.\n", "which OpenAI's support asks for.\n      required: true # it\n"],
  [
    "        filename:\n",
    `        one: { $ref: "#/components/schemas/One" }
        two: { $ref: "#/components/schemas/Two" }
        either: { anyOf: [{ $ref: "#/components/schemas/One" }, { $ref: "#/components/schemas/Two" }] }
        size: { type: number }
        filename:
`,
  ],
  [
    "    ErrorCode:\n",
    `    One: { type: object, properties: { a: { type: string } } }
    Two: { type: object, properties: { a: { type: string } } }
    ErrorCode:
`,
  ],
]);

async function outputFor(edits: readonly Edit[]): Promise<string> {
  const [before, after]: Contract[] = [base, edited(base, edits)].map((text) => parse(text));
  if (!before || !after) throw new Error("there is no contract");
  const { output } = await rate("HEAD", before, after);
  return output;
}

const UPLOAD_ID = `
        - name: upload_id
          in: path
          required: true
          description: The ID of the Upload.
          schema:
            type: string
          example: upload_abc123
`.slice(1);
const PATH_ITEM: Edit[] = [
  [UPLOAD_ID, ""],
  ["    post:\n", `    parameters:\n${UPLOAD_ID.replaceAll(/^ {2}/gm, "")}    post:\n`],
];

test.for<[change: string, what: string, edits: Edit[]]>([
  [
    "a renamed path parameter",
    "removed POST /uploads/{upload_id}/cancel",
    [
      ["/uploads/{upload_id}/cancel:", "/uploads/{id}/cancel:"],
      ["- name: upload_id", "- name: id"],
    ],
  ],
  [
    "a renamed schema",
    "removed the schema OpenAIFile",
    [
      ["    OpenAIFile:", "    File:"],
      ["schemas/OpenAIFile", "schemas/File"],
    ],
  ],
  ["a renamed operation", "renamed POST", [["Id: cancelUpload", "Id: cancel"]]],
  ["a removed optional request field", "note", [["note: { type: string }, ", ""]]],
  ["a removed value of a request's enum", '-"b"', [["enum: [a, b]", "enum: [a]"]]],
  ["a lower limit in a request", "maxLength", [["maxLength: 5", "maxLength: 4"]]],
  ["a higher minimum in a request", "minLength", [["minLength: 2", "minLength: 3"]]],
  ["a new limit in a request", "pattern", [["maxLength: 5", "maxLength: 5, pattern: ^a"]]],
  [
    "a request field that becomes required",
    "+required",
    [["by: { type: string } }", "by: { type: string } }, required: [by]"]],
  ],
  [
    "a new required parameter",
    "parameters/0",
    [
      [
        "        - { name: reason",
        "        - { name: who, in: query, required: true, schema: {} }\n        - { name: reason",
      ],
    ],
  ],
  [
    "a removed optional response field",
    "removed #/components/schemas/Upload/properties/file",
    [[/ {8}file:\n(?: {10}.*\n)+/.exec(base)?.[0] ?? "", ""]],
  ],
  ["a removed response", "responses/409", [[/ {8}"409":\n(?: {10}.*\n)+/.exec(base)?.[0] ?? "", ""]]],
  [
    "a response field that becomes optional",
    "-required) #/components/schemas/Upload/properties/purpose",
    [["        - purpose\n        - status\n", "        - status\n"]],
  ],
  [
    "a response field that can become null",
    "+null",
    [["          description: The name of the file.", "          nullable: true"]],
  ],
  [
    "another type of a response field",
    "+integer -string",
    [["        filename:\n          type: string", "        filename:\n          type: integer"]],
  ],
  ["a removed value of a response's enum", '-"batch_output"', [["            - batch_output\n", ""]]],
  [
    "a new value of a response's closed enum",
    '+"failed"',
    [["            - expired\n", "            - expired\n            - failed\n"]],
  ],
  [
    "an enum in a response where there was none",
    '+"a"',
    [["file to be uploaded.\n", "file to be uploaded.\n          enum: [a]\n"]],
  ],
  ["a response header that becomes optional", "-required", [["      required: true # it\n", ""]]],
  [
    "a response's closed enum that becomes open",
    "+or others",
    [
      [
        / {10}type: string\n {10}description: The status of the Upload\.\n {10}enum:\n(?: {12}.*\n)+/.exec(base)?.[0] ??
          "",
        "          anyOf: [{ type: string }, { enum: [pending, completed, cancelled, expired] }]\n",
      ],
    ],
  ],
  ["both objects in place of either", "-one of 2 objects", [["either: { anyOf:", "either: { allOf:"]]],
  ["another server", "servers", [["url: https://api.openai.com/v1", "url: https://api.openai.com/v2"]]],
  ["no more need for a key", "security", [["security:\n  - bearerAuth: []", "security: []"]]],
])("%s needs a major version", async ([, what, edits]) => {
  const output = await outputFor(edits);
  expect(output).toMatch(/^major: .*$/m);
  expect(output).toContain(what);
  expect(output).toMatch(/info\.version was 1\.0\.0 at HEAD and is 1\.0\.0; it must be 2\.0\.0 or higher\.$/);
});

test.for<[change: string, edits: Edit[]]>([
  [
    "a new value of ErrorCode, which documents that there can be others",
    [["        - missing_scope\n", "        - missing_scope\n        - new_code\n"]],
  ],
  ["a new value of a request's enum", [["enum: [a, b]", "enum: [a, b, c]"]]],
  ["a parameter that becomes optional", [["required: true, schema", "schema"]]],
  ["a lower minimum in a request", [["minLength: 2", "minLength: 1"]]],
  ["a higher limit in a request", [["maxLength: 5", "maxLength: 6"]]],
  ["no more limit in a request", [[", maxLength: 5", ""]]],
  ["a new field", [["        filename:\n", "        region: { type: string }\n        filename:\n"]]],
  [
    "a response field that becomes required",
    [["        - purpose\n        - status\n", "        - purpose\n        - object\n        - status\n"]],
  ],
  ["a new response", [['        "404":\n', '        "402": { description: Pay }\n        "404":\n']]],
  [
    "a new operation",
    [
      [
        "components:\n",
        '  /uploads:\n    get: { operationId: list, responses: { "200": { description: OK } } }\ncomponents:\n',
      ],
    ],
  ],
])("%s needs a minor version", async ([, edits]) => {
  const output = await outputFor(edits);
  expect(output).toMatch(/^0 major, [1-9] minor, .*; it must be 1\.1\.0 or higher\.$/m);
});

const NOTATIONS: [change: string, edits: Edit[]][] = [
  [
    "an alias in place of a copy",
    [
      [
        "    Two: { type: object, properties: { a: { type: string } } }",
        "    Two: { $ref: '#/components/schemas/One' }",
      ],
    ],
  ],
  [
    "a schema that gets a name",
    [
      [
        'param:\n              type:\n                - string\n                - "null"\n',
        "param:\n              $ref: '#/components/schemas/Param'\n",
      ],
      ["    ErrorCode:\n", '    Param: { type: [string, "null"] }\n    ErrorCode:\n'],
    ],
  ],
  [
    "an allOf around a schema",
    [['one: { $ref: "#/components/schemas/One" }', "one: { allOf: [{ $ref: '#/components/schemas/One' }] }"]],
  ],
  ["parameters at the path", PATH_ITEM],
  ["a const in place of an enum", [["          enum:\n            - upload\n", "          const: upload\n"]]],
  [
    "a null as an alternative",
    [
      [
        'param:\n              type:\n                - string\n                - "null"\n',
        'param:\n              anyOf: [{ type: string }, { type: "null" }]\n',
      ],
    ],
  ],
  ["no format of a response field", [["          format: unixtime\n", ""]]],
  ["no minimum of a response field", [["          minimum: 0\n", ""]]],
  ["an integer where the type is a number", [["size: { type: number }", "size: { type: integer }"]]],
  ["no minLength of a response header", [["        minLength: 1\n", ""]]],
  [
    "oneOf in place of anyOf",
    [
      [
        '          anyOf:\n            - $ref: "#/components/schemas/OpenAIFile"',
        '          oneOf:\n            - $ref: "#/components/schemas/OpenAIFile"',
      ],
    ],
  ],
  ["a deprecated field", [["        filename:\n", "        filename:\n          deprecated: true\n"]]],
  ["another order of an enum", [["- pending\n            - completed", "- completed\n            - pending"]]],
  ["another order of required fields", [["- id\n        - created_at\n", "- created_at\n        - id\n"]]],
  ["another wording", [["Cancels the Upload.", "Cancels it."]]],
  ["another example", [["filename: training_examples.jsonl", "filename: a.jsonl"]]],
  ["a tag", [["servers:\n", "tags:\n  - name: Uploads\nservers:\n"]]],
  ["openapi: 3.1.1", [["openapi: 3.1.0", "openapi: 3.1.1"]]],
];

test.for(NOTATIONS)("%s needs a patch version", async ([, edits]) => {
  expect(await outputFor(edits)).toMatch(/^0 major, 0 minor, [1-9] patch\..*; it must be 1\.0\.1 or higher\.$/m);
});

test("no such notation needs more if a new field needs a minor version", async () => {
  const edits = NOTATIONS.flatMap(([, some]) => some).filter(([before]) => !/param:|size:/.test(before));
  const output = await outputFor([
    ...edits,
    ["        bytes:\n", "        region: { type: string }\n        bytes:\n"],
  ]);
  expect(output).toMatch(/^0 major, 1 minor, .*; it must be 1\.1\.0 or higher\.$/m);
});

test("a comment, or no change, needs no other version, but not a lower one", async () => {
  expect(await outputFor([["# OpenAI's own example", "# Their own example"]])).toBe(
    "0 major, 0 minor, 0 patch. info.version was 1.0.0 at HEAD and is 1.0.0.",
  );
  expect(await outputFor([["version: 1.0.0", "version: 0.9.0"]])).toMatch(
    /is 0\.9\.0; it must be 1\.0\.0 or higher\.$/,
  );
  expect(await outputFor([["version: 1.0.0", "version: 1.0"]])).toMatch(/is 1; it must be 1\.0\.0 or higher\.$/);
});
