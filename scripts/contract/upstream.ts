// Compares the contract with OpenAI's own description of its API, in one direction: whatever OpenAI describes for our
// operations stands in the contract, with the same types, values and flags. The contract can say more.
//   npm run contract:upstream [-- file-or-URL]
// Exits with 0 if it does, 1 if there are differences, and 2 if there is nothing to compare with.
import { type Contract, endpointsOf } from "./contract.js";
import { contract } from "./prism.js";
import { redocly } from "./redocly.js";

/** Where OpenAI publishes its description. HEAD is the default branch, whatever its name. */
const PUBLISHED = "https://raw.githubusercontent.com/openai/openai-openapi/HEAD/openapi.yaml";

export interface Comparison {
  readonly exitCode: number;
  readonly output: string;
}

export async function compareWithUpstream(source: string = PUBLISHED, file: string = contract): Promise<Comparison> {
  const [{ description: ours, output }, { description: theirs, ...failed }] = await Promise.all(
    [file, source].map(load),
  );
  if (ours === undefined) return { exitCode: 2, output };
  if (theirs === undefined) {
    const advice = `If the network is the problem, download ${PUBLISHED}, and compare with the file`;
    return { exitCode: 2, output: `${failed.output}\n${advice}: npm run contract:upstream -- openapi.yaml` };
  }
  const differences: string[] = [];
  const endpoints = endpointsOf(ours);
  for (const { method, path } of endpoints) {
    const operation = `${method} ${path}`;
    const described = endpointsOf(theirs).find((other) => other.method === method && shape(other.path) === shape(path));
    if (described === undefined) {
      return { exitCode: 2, output: `${source} doesn't describe ${operation}. Did OpenAI move or remove it?` };
    }
    const places = placesOf(ours, path, method);
    for (const [name, place] of placesOf(theirs, described.path, method)) {
      const own = places.get(name);
      if (own && factsOf(own) === factsOf(place)) continue;
      differences.push(`${operation}${name}`, `  OpenAI:   ${factsOf(place)}, at ${place.pointer}`);
      differences.push(`  contract: ${own ? `${factsOf(own)}, at ${own.pointer}` : "missing"}`);
    }
  }
  if (differences.length > 0) return { exitCode: 1, output: differences.join("\n") };
  const names = endpoints.map(({ method, path }) => `${method} ${path}`).join(", ");
  return { exitCode: 0, output: `The contract has everything that ${source} says about ${names}.` };
}

/** A description as one document, with its `$ref`s; undefined if there's none, and why in the output. */
async function load(source: string): Promise<{ readonly description?: Contract; readonly output: string }> {
  // --force, because a problem elsewhere in a large description is none of ours.
  const { stdout, output } = await redocly("bundle", source, "--force", "--ext", "json");
  return stdout.startsWith("{") ? { description: JSON.parse(stdout), output } : { output };
}

/** Paths that differ only in the names of their parameters have the same shape. */
function shape(path: string): string {
  return path.replaceAll(/{[^}]*}/g, "{}");
}

/** A place in an operation, such as a field of a response, and what is said about it. */
interface Place {
  readonly pointer: string;
  readonly types: Set<unknown>;
  readonly values: Set<unknown>;
  readonly flags: Set<string>;
}

/** What is said about a place: the same text however it's written. */
function factsOf({ types, values, flags }: Place): string {
  const list = [...values].map((value) => JSON.stringify(value)).sort();
  const open = flags.has("open") && list.length > 0 ? ["…"] : [];
  const known = [...flags].filter((flag) => flag !== "open").sort();
  return [[...types].sort().join(" | ") || "any", ...list, ...open, ...known].join(", ");
}

type Keys = readonly string[];
type Node = Readonly<Record<string, unknown>>;

/** The places in an operation by name. All parts of a composed schema are about the same place. */
function placesOf(description: object, path: string, method: string): Map<string, Place> {
  const places = new Map<string, Place>();
  visit("", ["paths", path]); // It can have parameters.
  visit("", ["paths", path, method.toLowerCase()]);
  return places;

  function placeAt(name: string, keys: Keys): Place {
    const pointer = `#/${keys.map((key) => key.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
    const place = places.get(name) ?? { pointer, types: new Set(), values: new Set(), flags: new Set() };
    places.set(name, place);
    return place;
  }

  /** What stands there, or where its `$ref` leads. */
  function find(keys: Keys): { readonly node: Node; readonly keys: Keys } {
    const { $ref, ...node } = keys.reduce<Node>((parent, key) => Object(parent[key]), Object(description));
    if (typeof $ref !== "string") return { node, keys };
    const target = $ref.split("/").slice(1);
    const found = find(target.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")));
    return { node: { ...found.node, ...node }, keys: found.keys };
  }

  function visit(name: string, at: Keys, ancestors: readonly Keys[] = [], isAlternative = false): void {
    const { node, keys } = find(at);
    if (ancestors.some((other) => other.join("/") === keys.join("/"))) return; // A schema can contain itself.
    const inner = [...ancestors, keys];
    const { types, values, flags } = placeAt(name, keys);

    const known = "const" in node ? [node["const"]] : [node["enum"] ?? []].flat();
    const implied = node["properties"] ? ["object"] : node["items"] ? ["array"] : known.map((value) => typeof value);
    for (const type of node["type"] === undefined ? implied : [node["type"]].flat()) types.add(type);
    for (const value of known) if (value !== null) values.add(value);
    if (node["nullable"] === true || known.includes(null)) types.add("null");
    if (node["deprecated"] === true) flags.add("deprecated");
    if (node["required"] === true) flags.add("required");
    for (const field of [node["required"] ?? []].flat()) {
      if (typeof field === "string") placeAt(`${name} ${field}`, [...keys, "properties", field]).flags.add("required");
    }
    if (isAlternative && node["type"] === "string" && known.length === 0) flags.add("open");

    const childrenOf = (part: string) => Object.keys(Object(node[part])).map((key) => [...keys, part, key] as const);
    for (const part of ["allOf", "anyOf", "oneOf"]) {
      for (const child of childrenOf(part)) visit(name, child, inner, part !== "allOf");
    }
    for (const child of childrenOf("parameters")) {
      const { node: parameter } = find(child);
      visit(`${name} ${parameter["in"]} parameter ${parameter["name"]}`, child, inner);
    }
    for (const child of childrenOf("headers")) visit(`${name} header ${child.at(-1)?.toLowerCase()}`, child, inner);
    for (const part of ["responses", "content", "properties"]) {
      for (const child of childrenOf(part)) visit(`${name} ${child.at(-1)}`, child, inner);
    }
    for (const [part, suffix] of [
      ["requestBody", " request body"],
      ["schema", ""],
      ["items", " []"],
      ["additionalProperties", " {}"],
    ] as const) {
      if (Object(node[part]) === node[part]) visit(`${name}${suffix}`, [...keys, part], inner);
    }
  }
}

if (import.meta.filename === process.argv[1]) {
  const { exitCode, output } = await compareWithUpstream(process.argv[2]);
  console.log(output);
  process.exitCode = exitCode;
}
