import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { contract as path } from "../../scripts/contract/prism.js";

interface Example {
  readonly summary: string;
  readonly value: { readonly error: { readonly message: string } };
}

interface Response {
  readonly description: string;
  readonly content: {
    readonly "application/json": {
      readonly example?: unknown;
      readonly examples?: Readonly<Record<string, Example>>;
    };
  };
}

interface Contract {
  readonly servers: readonly { readonly url: string }[];
  readonly paths: {
    readonly "/uploads/{upload_id}/cancel": {
      readonly post: {
        readonly "x-codeSamples": readonly { readonly lang: string; readonly source: string }[];
        readonly responses: Readonly<Record<string, Response>>;
      };
    };
  };
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export const contract: Contract = parse(readFileSync(path, "utf8"));

const { responses } = contract.paths["/uploads/{upload_id}/cancel"].post;

/** The contract's example of a cancelled Upload. */
export const cancelledUpload: unknown = responses["200"]?.content["application/json"].example;

interface DocumentedError extends Omit<Example, "value"> {
  readonly status: string;
  readonly name: string;
  readonly error: Example["value"]["error"];
}

/** The example errors in the contract. `status` is an HTTP status, or `default`. */
export const documentedErrors: DocumentedError[] = Object.entries(responses).flatMap(([status, { content }]) =>
  Object.entries(content["application/json"].examples ?? {}).map(([name, { summary, value }]) => ({
    status,
    name,
    summary,
    error: value.error,
  })),
);
