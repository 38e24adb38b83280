import { contract } from "./prism.js";
import { redocly } from "./redocly.js";

/** The parts of the contract that the scripts read. */
export interface Contract {
  readonly info?: { readonly version: string };
  readonly servers?: readonly { readonly url: string }[];
  readonly security?: readonly unknown[];
  readonly components?: { readonly schemas?: Readonly<Record<string, object>> };
  readonly paths: Readonly<Record<string, PathItem>>;
}

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"] as const;

type PathItem = { readonly [method in (typeof METHODS)[number]]?: Operation } & {
  readonly parameters?: readonly Parameter[];
};

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly "x-codeSamples"?: readonly { readonly lang: string; readonly source: string }[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Response>>;
}

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header" | "cookie";
  readonly required?: boolean;
  readonly schema: object;
}

interface Response {
  readonly description?: string;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: object }>>;
  readonly content?: Content;
}

type Content = Readonly<Record<string, MediaType>>;

interface MediaType {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly summary?: string; readonly value: unknown }>>;
}

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

/** An operation, with its method, its path and all its parameters. */
export interface Endpoint extends Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
}

export function endpointsOf({ paths }: Contract): Endpoint[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      const parameters = [...(item.parameters ?? []), ...(operation?.parameters ?? [])];
      return operation ? [{ ...operation, method: method.toUpperCase(), path, parameters }] : [];
    }),
  );
}
