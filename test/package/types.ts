// Type-checks a program that uses the packed package, with each TypeScript and each way of resolving modules.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { projectWithTarball } from "./tarball.js";

/** Each with whether it is to look into the declarations of libraries: openapi-fetch's own need TypeScript 5.4. */
const TYPESCRIPTS = [
  { version: "5.0", skipLibCheck: true },
  { version: "5.4", skipLibCheck: false },
  { version: "5.9", skipLibCheck: false },
  { version: "6.0", skipLibCheck: false },
  { version: "7.0", skipLibCheck: false },
];
const RESOLUTIONS = { node16: "node16", nodenext: "nodenext", bundler: "esnext" };

using project = projectWithTarball(
  ...TYPESCRIPTS.map(({ version }) => `typescript-${version}@npm:typescript@~${version}.0`),
);

project.write(
  "program.ts",
  `import {
    ApiError,
    type CancelledUpload,
    type CancelUploadResult,
    type Client,
    type ClientOptions,
    cancelUpload,
    cancelUploads,
    createClient,
    type ErrorResponse,
    InvalidResponseError,
    type OpenAIFile,
    type operations,
    type paths,
    TimeoutError,
    type Upload,
  } from "openai-cancel-upload";

  const options: ClientOptions = { apiKey: async () => "sk-test", maxRetries: 1, timeout: 1_000 };
  const client: Client = createClient(options);
  const upload: CancelledUpload = await cancelUpload(client, "upload_abc123", { headers: { "x-trace": "1" } });
  const status: "cancelled" = upload.status;
  const file: OpenAIFile | null | undefined = upload.file;
  const results: AsyncIterable<CancelUploadResult> = cancelUploads(client, new Set(["upload_abc123"]), { concurrency: 2 });
  for await (const result of results) if (result.upload) result.upload.status satisfies "cancelled";

  type Operation = paths["/uploads/{upload_id}/cancel"]["post"];
  const { data, error } = await client.POST("/uploads/{upload_id}/cancel", {
    params: { path: { upload_id: "upload_abc123" } },
  });
  const answer: Upload | undefined = data;
  const refusal: ErrorResponse | undefined = error;

  // @ts-expect-error: not in the contract
  client.POST("/uploads/{upload_id}/cancle", { params: { path: { upload_id: "upload_abc123" } } });
  // @ts-expect-error: an id is a string
  cancelUpload(client, 5);

  export function handle(error: unknown): number | undefined {
    if (error instanceof ApiError) return error.retryAfter ?? error.status;
    if (error instanceof InvalidResponseError) return error.status;
    if (error instanceof TimeoutError) return error.attempts;
    return undefined;
  }
  export { answer, file, refusal, status, type Operation, type operations };`,
);

for (const { version, skipLibCheck } of TYPESCRIPTS) {
  for (const [moduleResolution, module] of Object.entries(RESOLUTIONS)) {
    const name = `TypeScript ${version}, ${moduleResolution}${skipLibCheck ? ", with skipLibCheck" : ""}`;
    const config = project.write(
      "tsconfig.json",
      JSON.stringify({
        compilerOptions: {
          ...{
            module,
            moduleResolution,
            target: "es2022",
            lib: ["es2022", "dom", "dom.iterable"],
            types: [],
            noEmit: true,
          },
          ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck },
        },
        files: ["program.ts"],
      }),
    );
    const tsc = `node_modules/typescript-${version}/bin/tsc`;
    try {
      await promisify(execFile)(process.execPath, [tsc, "--project", config], { cwd: project.folder });
      console.log(`pass  ${name}`);
    } catch (error) {
      const output = error instanceof Error && "stdout" in error ? error.stdout : error;
      console.log(`FAIL  ${name}\n${output}`);
      process.exitCode = 1;
    }
  }
}
