import { describe, expect, test } from "vitest";
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

describe.for(TYPESCRIPTS)("TypeScript $version, skipLibCheck $skipLibCheck", ({ version, skipLibCheck }) => {
  /** Compiles files, and returns TypeScript's output, which is empty if they compile. */
  async function compile(name: string, options: object, files: readonly string[]): Promise<string> {
    const config = project.write(
      `tsconfig-${version}-${name}.json`,
      JSON.stringify({
        compilerOptions: {
          ...{ target: "es2022", lib: ["es2022", "dom", "dom.iterable"], types: [], noEmit: true, skipLibCheck },
          ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, ...options },
        },
        files,
      }),
    );
    return project.output(process.execPath, `node_modules/typescript-${version}/bin/tsc`, "--project", config);
  }

  test.for(["node16", "nodenext"])("compiles an ES module and a CommonJS module with %s", async (module) => {
    expect(await compile(module, { module }, ["program.mts", "program.cts"])).toBe("");
  });

  test("compiles an ES module and a CommonJS module with moduleResolution bundler", async () => {
    const options = { module: "esnext", moduleResolution: "bundler" };
    expect(await compile("bundler", options, ["program.ts", "program.cts"])).toBe("");
  });

  test("compiles a library that exports its own client, with declarations and an older lib", async () => {
    const options = { module: "nodenext", declaration: true, noEmit: false, outDir: `out-${version}` };
    expect(await compile("library", { ...options, lib: ["es2021", "dom", "dom.iterable"] }, ["library.mts"])).toBe("");
  });

  test("compiles a program with module commonjs and its default moduleResolution", async () => {
    expect(await compile("commonjs", { module: "commonjs" }, ["program.ts"])).toBe("");
  });
});
