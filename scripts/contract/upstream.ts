// Compares the contract with OpenAI's own description of its API, in one direction: whatever OpenAI describes for our
// operations stands in the contract, with the same types, values and flags. The contract can say more.
//   npm run contract:upstream [-- file-or-URL]
// Exits with 0 if it does, 1 if there are differences, and 2 if there is nothing to compare with.
import { isDeepStrictEqual } from "node:util";
import { bundle, type Endpoint, endpointsOf } from "./contract.js";
import { type Place, placesOf } from "./facts.js";
import { contract } from "./prism.js";
import { type Outcome, runScript } from "./redocly.js";

/** Where OpenAI publishes its description. HEAD is the default branch, whatever its name. */
const PUBLISHED = "https://raw.githubusercontent.com/openai/openai-openapi/HEAD/openapi.yaml";

export async function compareWithUpstream(source: string = PUBLISHED, file: string = contract): Promise<Outcome> {
  const ours = await bundle(file);
  // --force, because a problem elsewhere in a large description is none of ours.
  const theirs = await bundle(source, "--force").catch(({ message }: Error) => {
    const advice = `If the network is the problem, download ${PUBLISHED}, and compare with the file`;
    throw new Error(`${message}\n${advice}: npm run contract:upstream -- openapi.yaml`);
  });
  const names = endpointsOf(ours).map(({ method, path }) => `${method} ${path}`);
  const differences = endpointsOf(ours).flatMap((endpoint, index) => {
    const described = endpointsOf(theirs).find((other) => shapeOf(other) === shapeOf(endpoint));
    if (!described) throw new Error(`${source} doesn't describe ${names[index]}. Did OpenAI move or remove it?`);
    const places = placesOf(ours, endpoint);
    return [...placesOf(theirs, described)].flatMap(([name, place]) => {
      const own = places.get(name);
      if (own && isDeepStrictEqual(own.facts, place.facts)) return [];
      const inContract = own ? describe(own) : "missing";
      return [`${names[index]}${name}\n  OpenAI:   ${describe(place)}\n  contract: ${inContract}`];
    });
  });
  if (differences.length > 0) return { exitCode: 1, output: differences.join("\n") };
  return { exitCode: 0, output: `The contract has everything that ${source} says about ${names.join(", ")}.` };
}

/** The same for operations that differ only in the names of their path parameters. */
function shapeOf({ method, path }: Endpoint): string {
  return `${method} ${path.replaceAll(/{[^}]*}/g, "{}")}`;
}

function describe({ facts, pointer }: Place): string {
  return `${[...facts].sort().join(", ") || "anything"}, at ${pointer}`;
}

await runScript(import.meta.filename, ([source]) => compareWithUpstream(source));
