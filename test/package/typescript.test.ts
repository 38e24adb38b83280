import { expect, test } from "vitest";
import { projectWith } from "./project.js";

/** Versions of TypeScript. The oldest needs skipLibCheck, because openapi-fetch's declarations need 5.4. */
const TYPESCRIPTS = [
  { version: "5.0", skipLibCheck: true },
  { version: "5.4", skipLibCheck: false },
  { version: "5.9", skipLibCheck: false },
  { version: "6.0", skipLibCheck: false },
  { version: "7.0", skipLibCheck: false },
];

const project = projectWith(
  Object.fromEntries(TYPESCRIPTS.map(({ version }) => [`typescript-${version}`, `npm:typescript@~${version}.0`])),
);

const program = `import {
    ApiError,
    type CancelledUpload,
    type CancelUploadResult,
    type Client,
    type ClientOptions,
    cancelUpload,
    cancelUploads,
    cancelOnFailure,
    createClient,
    type ErrorResponse,
    type FetchResponse,
    CancelFailedError,
    InvalidResponseError,
    type Middleware,
    type OpenAIFile,
    type operations,
    type paths,
    TimeoutError,
    type Upload,
  } from "openai-cancel-upload";

  const options: ClientOptions = { apiKey: async () => "sk-test", maxRetries: 1, timeout: 1_000 };
  const unset: ClientOptions = { apiKey: undefined, fetch: undefined, headers: undefined, signal: undefined, keepalive: undefined };
  const client: Client = createClient({ ...unset, ...options });
  const trace: Middleware = { onRequest: ({ request }) => request.headers.set("x-trace", "1") };
  client.use(trace);

  export async function cancelOne(): Promise<OpenAIFile | null | undefined> {
    const upload: CancelledUpload = await cancelUpload(client, "upload_abc123", { headers: undefined, signal: undefined });
    const status: "cancelled" = upload.status;
    return status && upload.file;
  }

  export async function cancelMany(): Promise<void> {
    const results: AsyncIterable<CancelUploadResult> = cancelUploads(client, new Set(["upload_abc123"]), { concurrency: 2 });
    for await (const result of results) if (result.upload) result.upload.status satisfies "cancelled";
  }

  export const sent: Promise<number> = cancelOnFailure(client, "upload_abc123", async () => 7, { timeout: 1_000 });

  export type Operation = paths["/uploads/{upload_id}/cancel"]["post"];
  export async function post(): Promise<[Upload | undefined, ErrorResponse | undefined]> {
    const { data, error } = await client.POST("/uploads/{upload_id}/cancel", {
      params: { path: { upload_id: "upload_abc123" } },
    });
    return [data, error];
  }
  export type Result = FetchResponse<Operation, object, "application/json">;

  // @ts-expect-error: not in the contract
  client.POST("/uploads/{upload_id}/cancle", { params: { path: { upload_id: "upload_abc123" } } });
  // @ts-expect-error: an ID is a string
  cancelUpload(client, 5);
  // @ts-expect-error: the contract determines the method
  createClient({ method: "PUT" });

  export function handle(error: unknown): number | undefined {
    if (error instanceof CancelFailedError) return error.uploadId.length + error.errors.length;
    if (error instanceof ApiError) return error.retryAfter ?? error.status;
    if (error instanceof InvalidResponseError) return error.status;
    if (error instanceof TimeoutError) return error.attempts;
    return undefined;
  }
  export { type operations };`;
project.write("program.ts", program);
project.write("program.mts", program);
project.write("program.cts", program);

project.write(
  "library.mts",
  `import { cancelUploads, createClient, type UploadIds } from "openai-cancel-upload";
  export const copy = { ...createClient() };
  export const { settings } = copy;
  export const cancelAll = (uploadIds: UploadIds) => cancelUploads(copy, uploadIds);
  export const promises: UploadIds = [Promise.resolve("upload_abc123")];`,
);

const modules = ["program.mts", "program.cts"];
const configs: readonly (readonly [options: object, files: readonly string[]])[] = [
  [{ module: "node16" }, modules],
  [{ module: "nodenext" }, modules],
  [{ module: "esnext", moduleResolution: "bundler" }, ["program.ts", "program.cts"]],
  [{ module: "commonjs" }, ["program.ts"]],
  // A library that exports its own client.
  [{ module: "nodenext", declaration: true, noEmit: false, lib: ["es2021", "dom", "dom.iterable"] }, ["library.mts"]],
];

test.for(TYPESCRIPTS)(
  "TypeScript $version, skipLibCheck $skipLibCheck, compiles programs and a library in each module system",
  async ({ version, skipLibCheck }) => {
    const paths = configs.map(([options, files], index) =>
      project.write(
        `tsconfig-${version}-${index}.json`,
        JSON.stringify({
          compilerOptions: {
            ...{ target: "es2022", lib: ["es2022", "dom", "dom.iterable"], types: [], noEmit: true, skipLibCheck },
            ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
            ...{ outDir: `out-${version}`, ...options },
          },
          files,
        }),
      ),
    );
    const tsc = `node_modules/typescript-${version}/bin/tsc`;
    // Together, because most of the time goes into TypeScript's own libraries.
    expect(await project.output(process.execPath, tsc, "--build", "--force", ...paths)).toBe("");
  },
);
