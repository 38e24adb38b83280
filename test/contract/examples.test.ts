import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readContract } from "../../scripts/contract/contract.js";
import { contract as path } from "../../scripts/contract/prism.js";
import { problemsWith } from "../../scripts/contract/verify.js";

type Node = Readonly<Record<string, unknown>>;

/** Keywords whose keys are names. */
const MAP = /^(paths|responses|content|headers|properties)$/;

/** What's wrong with each example in the contract by its schema, which is closed to fields it doesn't name. */
function problemsIn(part: unknown, place = "#", isMap = false): string[] {
  if (Object(part) !== part) return [];
  const node: Node = Object(part);
  const inside = Object.entries(node).flatMap(([key, child]) =>
    isMap || !/^(example|examples|enum|const|x-.*)$/.test(key)
      ? problemsIn(child, `${place}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`, !isMap && MAP.test(key))
      : [],
  );
  return isMap
    ? inside
    : [...inside, ...examplesOf(node).flatMap(([key, value]) => check(node, value, `${place}/${key}`))];
}

function examplesOf(node: Node): [place: string, value: unknown][] {
  const named = Object.entries(Object(node["examples"])).map(([name, example]): [string, unknown] =>
    "schema" in node ? [`examples/${name}/value`, Object(example).value] : [`examples/${name}`, example],
  );
  return "example" in node ? [["example", node["example"]], ...named] : named;
}

/** A media type, a parameter or a header has a schema for its examples; a schema is its own. */
function check({ schema, example: _, examples: __, ...own }: Node, value: unknown, place: string): string[] {
  return problemsWith(Object(schema ?? own), value).map((problem) => `${place}: ${problem}`);
}

const contract = await readContract();

test("every example in the contract is as its schema says", () => {
  expect(problemsIn(contract)).toEqual([]);
});

const UPLOAD = "#/paths/~1uploads~1{upload_id}~1cancel/post/responses/200/content/application~1json";
const REQUEST_ID = "#/paths/~1uploads~1{upload_id}~1cancel/post/responses/200/headers/x-request-id";

test("a wrong example is found, and the message says where", () => {
  const { post } = Object(structuredClone(contract)).paths["/uploads/{upload_id}/cancel"];
  const { headers, content } = post.responses["200"];
  Object.assign(content["application/json"].example, { regoin: "eu", bytes: "5" });
  content["application/json"].schema.allOf[0].properties.filename.example = 5;
  headers["x-request-id"].example = "";
  headers["x-request-id"].examples = { long: { value: 5 } };
  post.parameters[0].example = 5;
  const problems = problemsIn({ paths: { "/uploads/{upload_id}/cancel": { post } } });
  expect(problems.sort()).toEqual([
    "#/paths/~1uploads~1{upload_id}~1cancel/post/parameters/0/example: The body must be string",
    `${UPLOAD}/example: The body has the field "regoin", which the contract doesn't have`,
    `${UPLOAD}/example: bytes must be integer`,
    `${UPLOAD}/schema/allOf/0/properties/filename/example: The body must be string`,
    `${REQUEST_ID}/example: The body must NOT have fewer than 1 characters`,
    `${REQUEST_ID}/examples/long/value: The body must be string`,
  ]);
});

test("the exported types have no schema that is only a file's name", async () => {
  // A schema in a file of its own is exported under the file's name, too, unless that is the schema's own.
  const { components } = contract;
  expect(Object.keys(components?.schemas ?? {})).toEqual(
    Object.keys(parse(readFileSync(path, "utf8")).components.schemas),
  );
});
