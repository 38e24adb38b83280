import { expect, test } from "vitest";
import { projectWith } from "./project.js";

// With pnpm, a program can import its own dependencies, but not the dependencies of those.
const project = projectWith({ typescript: "5.9.3" }, [
  "npx",
  "--yes",
  "pnpm@12.21.0",
  "install",
  "--prefer-offline",
  "--silent",
]);

test("with pnpm, TypeScript can name every type that a program's declarations need", async () => {
  project.write(
    "program.ts",
    `import { createClient, type Middleware } from "openai-cancel-upload";
     export const client = createClient({ apiKey: "sk-test" });
     export const middleware: Middleware = {
       onRequest({ request }) {
         request.headers.set("x-trace", "1");
         return request;
       },
     };
     client.use(middleware);
     export const cancel = (uploadId: string) =>
       client.POST("/uploads/{upload_id}/cancel", { params: { path: { upload_id: uploadId } } });`,
  );
  const config = project.write(
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: { module: "nodenext", strict: true, declaration: true, types: [], outDir: "out" },
      files: ["program.ts"],
    }),
  );
  expect(await project.output(process.execPath, "node_modules/typescript/bin/tsc", "--project", config)).toBe("");
});
