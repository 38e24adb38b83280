import type { Contract, Endpoint } from "./contract.js";

/** A place in an operation, such as a field of a response, and what a description says about it. */
export interface Place {
  readonly pointer: string;
  /** Its types, values and flags, such as `string`, `"cancelled"` and `required`: the same however they're written. */
  readonly facts: Set<string>;
  /** Its other keywords, such as `maxLength`. */
  readonly limits: Map<string, unknown>;
}

/** The flag of a place that can have other values than those it lists. */
export const OPEN = "or others";

type Keys = readonly string[];
type Node = Readonly<Record<string, unknown>>;

/** Keywords that lead to another place, are facts, or are prose. */
const NO_LIMIT =
  /^(allOf|anyOf|oneOf|properties|items|schema|content|headers|responses|parameters|requestBody|type|enum|const|nullable|required|deprecated|name|in|default|operationId|summary|description|title|tags|externalDocs|examples?|x-.*)$/;

/** Keywords that lead to one other place, and how its name differs. */
const SINGLE = { schema: "", requestBody: "body", items: "[]", additionalProperties: "{}" } as const;

/**
 * The places in an operation, by name: all parts of a composed schema are about the same place.
 *
 * @param description One document, which can have `$ref`s.
 */
export function placesOf(description: Contract, { path, method }: Endpoint): Map<string, Place> {
  const places = new Map<string, Place>();
  visit("", ["paths", path]); // It can have parameters.
  visit("", ["paths", path, method.toLowerCase()]);
  return places;

  /** What's there, or where its `$ref` leads. */
  function find(keys: Keys): { readonly node: Node; readonly keys: Keys } {
    const { $ref, ...node } = keys.reduce<Node>((parent, key) => Object(parent[key]), Object(description));
    if (typeof $ref !== "string") return { node, keys };
    const target = $ref.split("/").slice(1);
    const found = find(target.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")));
    return { node: { ...found.node, ...node }, keys: found.keys };
  }

  function placeAt(name: string, keys: Keys): Place {
    const pointer = `#/${keys.map((key) => key.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
    const place = places.get(name) ?? { pointer, facts: new Set(), limits: new Map() };
    places.set(name, place);
    return place;
  }

  function visit(name: string, at: Keys, above: readonly unknown[] = []): void {
    const { node, keys } = find(at);
    if (above.includes(keys.join())) return; // A schema can contain itself.
    const { facts, limits } = placeAt(name, keys);
    for (const fact of factsIn(node)) facts.add(fact);
    for (const [key, value] of Object.entries(node)) {
      if (!NO_LIMIT.test(key) && (Array.isArray(value) || Object(value) !== value)) limits.set(key, value);
    }

    const enter = (step: string, ...child: Keys) =>
      visit(step ? `${name} › ${step}` : name, [...keys, ...child], [...above, keys.join()]);
    const keysIn = (part: string) => Object.keys(Object(node[part]));
    for (const part of ["responses", "content", "properties"]) for (const key of keysIn(part)) enter(key, part, key);
    for (const key of keysIn("headers")) enter(`header ${key.toLowerCase()}`, "headers", key);
    for (const index of keysIn("parameters")) {
      const parameter = find([...keys, "parameters", index]).node;
      enter(`${parameter["in"]} parameter ${parameter["name"]}`, "parameters", index);
    }
    for (const [part, step] of Object.entries(SINGLE)) if (Object(node[part]) === node[part]) enter(step, part);
    for (const part of ["allOf", "anyOf", "oneOf"]) for (const index of keysIn(part)) enter("", part, index);
    for (const field of [node["required"]].flat().filter((name) => typeof name === "string")) {
      placeAt(`${name} › ${field}`, [...keys, "properties", field]).facts.add("required");
    }
    const choices = ["anyOf", "oneOf"].flatMap((part) => keysIn(part).map((key) => find([...keys, part, key]).node));
    const isOpen = choices.some((choice) => !hasValues(choice) && choice["type"] !== "null");
    if (isOpen && choices.some(hasValues)) facts.add(OPEN);
    const objects = choices.filter(({ properties }) => properties).length;
    if (objects > 1) facts.add(`one of ${objects} objects`);
  }
}

function hasValues(node: Node): boolean {
  return "const" in node || "enum" in node;
}

function factsIn(node: Node): string[] {
  const values = "const" in node ? [node["const"]] : [node["enum"] ?? []].flat();
  const types = values.filter((value) => value !== null).map((value) => typeof value);
  const implied = node["properties"] ? "object" : node["items"] ? "array" : types;
  return [
    ...[node["type"] ?? implied].flat().map(String),
    ...values.map((value) => JSON.stringify(value)),
    ...(node["nullable"] === true ? ["null"] : []),
    ...["required", "deprecated"].filter((flag) => node[flag] === true),
  ];
}

/** The name of the place that this one is in. */
export function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf(" › ")));
}
