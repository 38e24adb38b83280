import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { contract } from "../../scripts/contract/prism.js";
import { type Copy, copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";
import { inTurn, json, serve } from "../support/server.js";

const guide = readFileSync("docs/add-an-operation.md", "utf8");

/** Applies the guide's code blocks that name a file to the copy, in order. */
function follow(copy: Copy): void {
  for (const [, language, title = "", text = ""] of guide.matchAll(
    /^```(yaml|ts|diff)\n(?:#|\/\/|---) ([^\n]*)\n(.*?)^```$/gms,
  )) {
    const [file = "", place] = title.split(", under ");
    if (language === "yaml") {
      if (place === "paths") copy.editContract("components:\n", `${text}components:\n`);
      else copy.editContract("  schemas:\n", `  schemas:\n${text}`);
    } else if (language === "diff") {
      const lines = text.split("\n");
      const before = lines.filter((line) => !line.startsWith("+")).map((line) => line.slice(1));
      copy.write(file, copy.read(file).replace(before.join("\n"), lines.map((line) => line.slice(1)).join("\n")));
    } else copy.write(file, file === "src/index.ts" ? `${copy.read(file)}${text}` : text);
  }
  const [, major, minor] = /^ {2}version: (\d+)\.(\d+)\.\d+$/m.exec(copy.read(contract)) ?? [];
  copy.write(contract, copy.read(contract).replace(/^ {2}version: .*$/m, `  version: ${major}.${Number(minor) + 1}.0`));
}

test("following the guide to a new operation passes every check and changes no other files", async () => {
  const tracked = execFileSync("git", ["ls-files"], { encoding: "utf8" }).trim().split("\n");
  using copy = copyOfRepository(tracked);
  const git = (...args: string[]) => {
    const author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    return execFileSync("git", [...author, ...args], { cwd: copy.folder, encoding: "utf8" });
  };
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "Before");

  follow(copy);
  // Otherwise the Vitest started by the checks would use the variables of this one.
  const env = Object.fromEntries(
    Object.keys(process.env).flatMap((name) => (/^VITEST|^TEST$|^NODE_ENV$/.test(name) ? [[name, ""]] : [])),
  );
  for (const script of ["generate", "lint -- --write", "check", "contract:diff", "test:docs"]) {
    const { exitCode, stdout, stderr } = await run("npm", ["run", ...script.split(" ")], { cwd: copy.folder, env });
    expect(exitCode, stdout + stderr).toBe(0);
  }

  expect(git("status", "--porcelain", "--untracked-files=all").trimEnd().split("\n").sort()).toEqual([
    " M CONTRIBUTING.md",
    " M generated/openapi.d.ts",
    " M openapi/openapi.yaml",
    " M src/index.ts",
    " M test/index.test.ts",
    "?? src/complete-upload.ts",
    "?? test/complete-upload.test.ts",
  ]);
});

/** The paths in the guide's section on operations that differ. */
const paths = `
  /uploads/{upload_id}/parts:
    post:
      parameters: [{ name: upload_id, in: path, required: true, schema: { type: string } }]
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema: { type: object, required: [data], properties: { data: { type: string, format: binary } } }
      responses: { "200": { description: OK, content: { application/json: { schema: { type: object } } } } }
  /uploads:
    get:
      parameters: [{ name: after, in: query, schema: { type: string } }]
      responses: { "200": { description: OK, content: { application/json: { schema: { type: object } } } } }
    delete:
      responses: { "204": { description: Deleted } }
`.slice(1);

test("the guide's snippets for operations that differ compile and do what it says", async () => {
  const snippets = [...guide.matchAll(/^```ts\n(?!\/\/)(.*?)^```$/gms)].map(([, snippet = ""]) => snippet);
  const [sendForm = "", acceptNothing = "", sendQuery = "", once = "", ...others] = snippets;
  expect(others).toEqual([]);

  using copy = copyOfRepository(["src", "openapi", "generated", "package.json", "tsconfig.json"]);
  copy.editContract("components:\n", `${paths}components:\n`);
  copy.write(
    "src/differences.ts",
    `import { type CallOptions, type Client, createClient } from "./index.js";
    import { perform } from "./operation.js";

    const params = { path: { upload_id: "upload_abc123" } };
    const shared = { name: "Sending", expected: "object", accepts: (body: unknown): body is object => body instanceof Object };

    const addPart = (client: Client, form: FormData, options?: CallOptions) =>
      perform(client, { ...shared, ${sendForm} }, options);
    const deleteAll = (client: Client, options?: CallOptions) =>
      perform(client, { ...shared, send: (init) => client.DELETE("/uploads", { ...init }), ${acceptNothing} }, options);
    const list = (client: Client, after?: string, options?: CallOptions) =>
      perform(client, { ...shared, ${sendQuery} }, options);
    const listOnce = (client: Client, options?: CallOptions) =>
      perform(client, { ...shared, send: (init) => client.GET("/uploads", { ...init }) }, ${once});

    export function mistakes(client: Client, data: Blob, after?: string): void {
      // @ts-expect-error: the binary field is a string
      client.POST("/uploads/{upload_id}/parts", { params, body: { data } });
      // @ts-expect-error: the parameter can't be undefined
      client.GET("/uploads", { params: { query: { after } } });
    }

    const client = createClient({ apiKey: "sk-test" });
    const form = new FormData();
    form.set("data", new Blob(["the data"]));
    await addPart(client, form);
    const nothing = await deleteAll(client);
    await list(client);
    await list(client, "upload_abc123");
    const error = await listOnce(client, { maxRetries: 5 }).catch(({ name }) => name);
    console.log(JSON.stringify({ nothing, error }));`,
  );
  const output = async (...args: string[]) => {
    const env = { OPENAI_BASE_URL: server.url };
    const { exitCode, stdout, stderr } = await run(process.execPath, args, { cwd: copy.folder, env });
    expect(exitCode, stdout + stderr).toBe(0);
    return stdout;
  };
  const unavailable = json(503, {}, { "retry-after-ms": "1" });
  const answers = inTurn(
    unavailable,
    json(200, {}),
    (_, response) => response.writeHead(204).end(),
    json(200, {}),
    json(200, {}),
    unavailable,
  );
  const forms: string[] = [];
  await using server = await serve(async (request, response) => {
    if (request.headers["content-type"]?.startsWith("multipart/form-data; boundary=")) forms.push(await text(request));
    answers(request, response);
  });

  await output("node_modules/openapi-typescript/bin/cli.js", contract, "--output", "generated/openapi.d.ts");
  await output("node_modules/typescript/bin/tsc");
  expect(JSON.parse(await output("--import", "tsx", "src/differences.ts"))).toEqual({ nothing: "", error: "ApiError" });
  expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "POST /v1/uploads/upload_abc123/parts",
    "POST /v1/uploads/upload_abc123/parts",
    "DELETE /v1/uploads",
    "GET /v1/uploads",
    "GET /v1/uploads?after=upload_abc123",
    "GET /v1/uploads",
  ]);
  const data = /name="data"; filename="blob"\r\nContent-Type: application\/octet-stream\r\n\r\nthe data\r\n/;
  expect(forms).toEqual([expect.stringMatching(data), expect.stringMatching(data)]);
});
