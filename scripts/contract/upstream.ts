// Compares the contract with OpenAI's own description of its API, in one direction: whatever OpenAI describes for our
// operations stands in the contract, with the same types, values and flags. The contract can say more.
//   npm run contract:upstream [-- file-or-URL]
// Exits with 0 if it does, 1 if there are differences, and 2 if there is nothing to compare with.
import { isDeepStrictEqual } from "node:util";
import { bundle, type Endpoint, endpointsOf } from "./contract.js";
import { type Place, placesOf } from "./facts.js";
import { contract } from "./prism.js";

/** Where OpenAI publishes its description. HEAD is the default branch, whatever its name. */
const PUBLISHED = "https://raw.githubusercontent.com/openai/openai-openapi/HEAD/openapi.yaml";

export interface Comparison {
  readonly exitCode: number;
  readonly output: string;
}

export async function compareWithUpstream(source: string = PUBLISHED, file: string = contract): Promise<Comparison> {
  const ours = await bundle(file);
  // --force, because a problem elsewhere in a large description is none of ours.
  const theirs = await bundle(source, "--force").catch((error: Error) => error.message);
  if (typeof theirs === "string") {
    const advice = `If the network is the problem, download ${PUBLISHED}, and compare with the file`;
    return { exitCode: 2, output: `${theirs}\n${advice}: npm run contract:upstream -- openapi.yaml` };
  }
  const differences: string[] = [];
  const endpoints = endpointsOf(ours);
  for (const endpoint of endpoints) {
    const operation = `${endpoint.method} ${endpoint.path}`;
    const described = endpointsOf(theirs).find((other) => shape(other) === shape(endpoint));
    if (described === undefined) {
      return { exitCode: 2, output: `${source} doesn't describe ${operation}. Did OpenAI move or remove it?` };
    }
    const places = placesOf(ours, endpoint);
    for (const [name, place] of placesOf(theirs, described)) {
      const own = places.get(name);
      if (own && isDeepStrictEqual(own.facts, place.facts)) continue;
      differences.push(
        `${operation}${name}\n  OpenAI:   ${describe(place)}\n  contract: ${own ? describe(own) : "missing"}`,
      );
    }
  }
  if (differences.length > 0) return { exitCode: 1, output: differences.join("\n") };
  const names = endpoints.map(({ method, path }) => `${method} ${path}`).join(", ");
  return { exitCode: 0, output: `The contract has everything that ${source} says about ${names}.` };
}

/** The same for operations that differ only in the names of their path parameters. */
function shape({ method, path }: Endpoint): string {
  return `${method} ${path.replaceAll(/{[^}]*}/g, "{}")}`;
}

function describe({ facts, pointer }: Place): string {
  return `${[...facts].sort().join(", ") || "anything"}, at ${pointer}`;
}

if (import.meta.filename === process.argv[1]) {
  const { exitCode, output } = await compareWithUpstream(process.argv[2]);
  console.log(output);
  process.exitCode = exitCode;
}
