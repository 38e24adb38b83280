import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { contract as path } from "../../scripts/prism.js";

interface Response {
  readonly content: {
    readonly "application/json": {
      readonly example?: unknown;
      readonly examples?: Readonly<Record<string, { readonly value: { readonly error: object } }>>;
    };
  };
}

interface Contract {
  readonly servers: readonly { readonly url: string }[];
  readonly paths: {
    readonly "/uploads/{upload_id}/cancel": {
      readonly post: { readonly responses: Readonly<Record<string, Response>> };
    };
  };
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export const contract: Contract = parse(readFileSync(path, "utf8"));

const { responses } = contract.paths["/uploads/{upload_id}/cancel"].post;

/** The Upload that the contract shows as its example. */
export const cancelledUpload: unknown = responses["200"]?.content["application/json"].example;

/** Each error that the contract documents: its status (or `default`), its name, and its `error` object. */
export const documentedErrors: { status: string; name: string; error: object }[] = Object.entries(responses).flatMap(
  ([status, { content }]) =>
    Object.entries(content["application/json"].examples ?? {}).map(([name, { value }]) => ({
      status,
      name,
      error: value.error,
    })),
);
