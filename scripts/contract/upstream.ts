// Compares the contract with OpenAI's own description of its API, in one direction: whatever OpenAI describes for our
// operations stands in the contract, with the same types, values and flags. The contract can say more.
//   npm run contract:upstream [-- file-or-URL]
// Exits with 0 if it does, 1 if there are differences, and 2 if there is nothing to compare with.
import { isDeepStrictEqual } from "node:util";
import { bundle, type Contract, type Endpoint, endpointsOf } from "./contract.js";
import { type Place, parentOf, placesOf } from "./facts.js";
import { contract } from "./prism.js";
import { type Outcome, runScript } from "./redocly.js";

/** Where OpenAI publishes its description. HEAD is the default branch, whatever its name. */
const PUBLISHED = "https://raw.githubusercontent.com/openai/openai-openapi/HEAD/openapi.yaml";

/** The same for operations that differ only in the names of their path parameters. */
const shapeOf = ({ name }: Endpoint) => name.replaceAll(/{[^}]*}/g, "{}");
const describe = ({ facts, pointer }: Place) => `${[...facts].sort().join(", ") || "anything"}, at ${pointer}`;

async function compareWithUpstream(source: string = PUBLISHED): Promise<Outcome> {
  const ours = await bundle(contract);
  // --force, because a problem elsewhere in a large description is none of ours.
  const theirs = await bundle(source, "--force").catch(({ message }: Error) => {
    const advice = `If the network is the problem, download ${PUBLISHED}, and compare with the file`;
    throw new Error(`${message}\n${advice}: npm run contract:upstream -- openapi.yaml`);
  });
  return compare(ours, theirs, source);
}

/** @param source What the output calls their description. */
export function compare(ours: Contract, theirs: Contract, source: string): Outcome {
  const differences: string[] = [];
  for (const operation of endpointsOf(ours)) {
    const described = endpointsOf(theirs).find((other) => shapeOf(other) === shapeOf(operation));
    if (described === undefined) {
      const output = `${source} doesn't describe ${operation.name}. Did OpenAI move or remove it?`;
      return { exitCode: 2, output };
    }
    const places = placesOf(ours, operation);
    for (const [name, place] of placesOf(theirs, described)) {
      const own = places.get(name);
      // Of an object that is missing, the parts aren't listed.
      if (own ? isDeepStrictEqual(own.facts, place.facts) : !places.has(parentOf(name))) continue;
      const inContract = own ? describe(own) : "missing";
      differences.push(`${operation.name}${name}\n  OpenAI:   ${describe(place)}\n  contract: ${inContract}`);
    }
  }
  if (differences.length > 0) return { exitCode: 1, output: differences.join("\n") };
  const names = endpointsOf(ours)
    .map(({ name }) => name)
    .join(", ");
  return { exitCode: 0, output: `The contract has everything that ${source} says about ${names}.` };
}

await runScript(import.meta.filename, ([source]) => compareWithUpstream(source));
