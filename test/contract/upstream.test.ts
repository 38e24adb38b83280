import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { contract } from "../../scripts/contract/prism.js";
import { compare } from "../../scripts/contract/upstream.js";

/** The contract with its first operation alone. */
const ours = parse(readFileSync(contract, "utf8"));
ours.paths = { "/uploads/{upload_id}/cancel": ours.paths["/uploads/{upload_id}/cancel"] };

/** A description of the same operation, as somebody else would write it. */
const description = `
openapi: 3.1.0
info: { title: Everything, version: 2.0.0 }
paths:
  /uploads:
    get: { operationId: listUploads, responses: { "200": { description: OK } } }
  /uploads/{upload_id}/cancel:
    post:
      operationId: cancelUpload
      parameters:
        - in: path
          name: upload_id
          required: true
          schema: { type: string, example: upload_abc123 }
      responses:
        "200":
          description: OK
          headers:
            X-Request-Id: { schema: { type: string } }
          content:
            application/json:
              schema: { $ref: "#/components/schemas/Upload" }
components:
  schemas:
    Upload:
      type: object
      properties:
        id: { type: string }
        created_at: { type: integer, format: unixtime }
        filename: { type: string }
        bytes: { type: integer }
        purpose: { type: string }
        status: { type: string, enum: [pending, completed, cancelled, expired] }
        expires_at: { type: integer }
        object: { type: string, enum: [upload], x-const: true }
        file:
          allOf:
            - $ref: "#/components/schemas/File"
            - nullable: true
      required: [bytes, created_at, expires_at, filename, id, purpose, status]
    File:
      properties:
        id: { type: string }
        bytes: { type: integer }
        created_at: { type: integer }
        expires_at: { type: integer }
        filename: { type: string }
        object: { type: string, enum: [file] }
        purpose:
          type: string
          enum: [assistants, assistants_output, batch, batch_output, fine-tune, fine-tune-results, vision, user_data]
        status: { type: string, deprecated: true, enum: [uploaded, processed, error] }
        status_details: { type: string, deprecated: true }
      required: [id, object, bytes, created_at, filename, purpose, status]
`;

type Edit = readonly [before: string, after: string];

function compareWith(...edits: Edit[]) {
  const theirs = edits.reduce((text, [before, after]) => {
    if (!text.includes(before)) throw new Error(`the description has no ${before}`);
    return text.replaceAll(before, after);
  }, description);
  return compare(ours, parse(theirs), "their.yaml");
}

test.for<[notation: string, edits: Edit[]]>([
  ["allOf with nullable", []],
  [
    "anyOf with null",
    [
      ["allOf:", "anyOf:"],
      ["- nullable: true", '- type: "null"'],
    ],
  ],
  [
    "OpenAPI 3.0",
    [
      ["openapi: 3.1.0", "openapi: 3.0.3"],
      ["            - nullable: true\n", ""],
      ["          allOf:", "          nullable: true\n          allOf:"],
    ],
  ],
  ["a const", [["enum: [upload]", "const: upload"]]],
  [
    "another order of an enum",
    [["[pending, completed, cancelled, expired]", "[expired, cancelled, completed, pending]"]],
  ],
  ["another operationId", [["operationId: cancelUpload", "operationId: uploads_cancel"]]],
  [
    "its parameters at the path",
    [
      [
        "    post:\n      operationId: cancelUpload\n      parameters:\n        - in: path\n          name: upload_id\n          required: true\n          schema: { type: string, example: upload_abc123 }\n",
        "    parameters:\n      - { in: path, name: upload_id, required: true, schema: { type: string } }\n    post:\n      operationId: cancelUpload\n",
      ],
    ],
  ],
  [
    "a parameter that has a name",
    [
      [
        "- in: path\n          name: upload_id\n          required: true\n          schema: { type: string, example: upload_abc123 }",
        '- $ref: "#/components/parameters/Id"',
      ],
      [
        "components:\n",
        "components:\n  parameters:\n    Id: { in: path, name: upload_id, required: true, schema: { type: string } }\n",
      ],
    ],
  ],
  [
    "less than the contract says",
    [["          headers:\n            X-Request-Id: { schema: { type: string } }\n", ""]],
  ],
])("the same operation, written with %s, is no difference", ([, edits]) => {
  expect(compareWith(...edits)).toEqual({
    exitCode: 0,
    output: "The contract has everything that their.yaml says about POST /uploads/{upload_id}/cancel.",
  });
});

test.for<[difference: string, edit: Edit, theirs: string, own: string]>([
  [
    "a new field",
    [
      "        id: { type: string }\n        created_at",
      "        region: { type: string }\n        id: { type: string }\n        created_at",
    ],
    "string, at #/components/schemas/Upload/properties/region",
    "missing",
  ],
  [
    "a field of a field",
    ["status_details:", "error_details:"],
    "deprecated, string, at #/components/schemas/File/properties/error_details",
    "missing",
  ],
  [
    "another type",
    ["bytes: { type: integer }", "bytes: { type: string }"],
    "required, string, at #/components/schemas/Upload/properties/bytes",
    "integer, required, at #/components/schemas/Upload/properties/bytes",
  ],
  [
    "a new value",
    ["[uploaded, processed, error]", "[uploaded, processed, error, gone]"],
    '"error", "gone", "processed", "uploaded", deprecated',
    '"error", "processed", "uploaded", deprecated',
  ],
  [
    "a value that is gone",
    [", expired]", "]"],
    '"cancelled", "completed", "pending"',
    '"cancelled", "completed", "expired"',
  ],
  [
    "values that aren't all",
    [
      "status: { type: string, enum: [pending, completed, cancelled, expired] }",
      "status: { anyOf: [{ type: string }, { type: string, enum: [pending, completed, cancelled, expired] }] }",
    ],
    "or others",
    '"cancelled", "completed", "expired", "pending", required',
  ],
  ["no null", ["            - nullable: true\n", ""], "object, at", "null, object, at"],
  [
    "a null",
    ["expires_at: { type: integer }", 'expires_at: { type: [integer, "null"] }'],
    "integer, null, required, at",
    "integer, required, at",
  ],
  [
    "a field that isn't required",
    ["[bytes, created_at,", "[created_at,"],
    "integer, at #/components/schemas/Upload/properties/bytes",
    "integer, required, at",
  ],
  [
    "a field that is required",
    ["purpose, status]\n    File", "purpose, status, object]\n    File"],
    '"upload", required',
    '"upload", string',
  ],
  [
    "a deprecated field",
    ["filename: { type: string }", "filename: { type: string, deprecated: true }"],
    "deprecated, required, string",
    "required, string",
  ],
  [
    "a deprecated operation",
    ["operationId: cancelUpload", "operationId: cancelUpload\n      deprecated: true"],
    "deprecated, at #/paths",
    "anything, at #/paths",
  ],
  [
    "a new parameter",
    ["      parameters:\n", "      parameters:\n        - { in: query, name: reason, schema: { type: string } }\n"],
    "string, at #/paths/~1uploads~1{upload_id}~1cancel/post/parameters/0",
    "missing",
  ],
  [
    "another name of the path's parameter",
    ["upload_id", "id"],
    "required, string, at #/paths/~1uploads~1{id}~1cancel/post/parameters/0",
    "missing",
  ],
  [
    "a header that is required",
    ["{ schema: { type: string } }", "{ required: true, schema: { type: string } }"],
    "required, string",
    "string, at #/components/headers/x-request-id",
  ],
  [
    "a new header",
    ["            X-Request-Id:", "            X-New: { schema: { type: string } }\n            X-Request-Id:"],
    "string",
    "missing",
  ],
  [
    "a body of the request",
    [
      '      responses:\n        "200":\n          description: OK\n          headers',
      '      requestBody: { required: true, content: { application/json: {} } }\n      responses:\n        "200":\n          description: OK\n          headers',
    ],
    "required, at",
    "missing",
  ],
  [
    "a new response",
    [
      '        "200":\n          description: OK\n          headers',
      '        "202": { description: Accepted }\n        "200":\n          description: OK\n          headers',
    ],
    "anything, at",
    "missing",
  ],
  ["another media type", ["application/json:", "application/xml:"], "object, at", "missing"],
])("%s is a difference, and both places are named", ([, edit, theirs, own]) => {
  const { exitCode, output } = compareWith(edit);
  expect(output).toMatch(/^POST \/uploads\/\{upload_id\}\/cancel/);
  expect(output).toContain(`  OpenAI:   `);
  expect(output.match(/(?<=OpenAI: ).*/g)?.join("\n")).toContain(theirs);
  expect(output.match(/(?<=contract: ).*/g)?.join("\n")).toContain(own);
  expect(exitCode).toBe(1);
});

test("of an object that is missing, the parts aren't listed", () => {
  const { output } = compareWith(["application/json:", "application/xml:"]);
  expect(output.split("\n")).toEqual([
    "POST /uploads/{upload_id}/cancel › 200 › application/xml",
    expect.stringContaining("OpenAI:   object, at"),
    "  contract: missing",
  ]);
});

test("a description without the operation is no baseline", () => {
  for (const edit of [
    ["/cancel:", "/abort:"],
    ["    post:", "    put:"],
  ] as const) {
    expect(compareWith(edit)).toEqual({
      exitCode: 2,
      output: "their.yaml doesn't describe POST /uploads/{upload_id}/cancel. Did OpenAI move or remove it?",
    });
  }
});

test("a schema that contains itself can be compared", () => {
  const tree = "        tree: { $ref: '#/components/schemas/Tree' }\n        id: { type: string }\n        created_at";
  const { exitCode, output } = compareWith(
    ["        id: { type: string }\n        created_at", tree],
    [
      "    File:\n",
      "    Tree: { type: object, properties: { leaves: { type: array, items: { $ref: '#/components/schemas/Tree' } } } }\n    File:\n",
    ],
  );
  expect(output).toMatch(/cancel › 200 › application\/json › tree\n/);
  expect(exitCode).toBe(1);
});
