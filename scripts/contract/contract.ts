import { contract } from "./prism.js";
import { redocly } from "./redocly.js";

type Named<Value> = Readonly<Record<string, Value>>;

/** The parts of the contract that the scripts read. */
export interface Contract {
  readonly info?: { readonly version: string };
  readonly servers?: readonly { readonly url: string }[];
  readonly security?: readonly unknown[];
  readonly components?: { readonly schemas?: Named<object> };
  readonly paths: Named<PathItem>;
}

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"] as const;

type PathItem = { readonly [method in (typeof METHODS)[number]]?: Operation };

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly "x-codeSamples"?: readonly { readonly lang: string; readonly source: string }[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Named<Response>;
}

interface Response {
  readonly description?: string;
  readonly headers?: Named<{ readonly required?: boolean; readonly schema: object }>;
  readonly content?: Content;
}

type Content = Named<{
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Named<{ readonly summary?: string; readonly value: unknown }>;
}>;

/** The contract as one document without `$ref`s, however many files it is split into. */
export function readContract(): Promise<Contract> {
  return bundle(contract, "--dereferenced");
}

/** A description as one document, with Redocly's options for it. */
export async function bundle(file: string, ...options: readonly string[]): Promise<Contract> {
  const { stdout, output } = await redocly("bundle", file, "--ext", "json", ...options);
  if (!stdout.startsWith("{")) throw new Error(output);
  return JSON.parse(stdout);
}

/** An operation, with its method and its path. */
export interface Endpoint extends Operation {
  /** Both, as in "POST /uploads". */
  readonly name: string;
  readonly method: string;
  readonly path: string;
}

export function endpointsOf({ paths }: Contract): Endpoint[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      const name = `${method.toUpperCase()} ${path}`;
      return operation ? [{ ...operation, name, method: method.toUpperCase(), path }] : [];
    }),
  );
}
