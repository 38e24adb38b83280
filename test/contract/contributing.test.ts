import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contract, startPrism } from "../../scripts/contract/prism.js";
import { type Copy, copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";

const guide = readFileSync("CONTRIBUTING.md", "utf8");

function block(language: string): string {
  return new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "ms").exec(guide)?.[1] ?? "";
}

async function succeed(copy: Copy, command: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(join("node_modules", ".bin", command), args, { cwd: copy.folder });
  expect(exitCode, stdout + stderr).toBe(0);
  return stdout;
}

test("an operation is added by a change of the contract, npm run generate and one function", {
  timeout: 60_000,
}, async () => {
  using copy = copyOfRepository();
  copy.edit("components:\n", `${block("yaml")}components:\n`);
  await succeed(copy, "redocly", "lint");
  await succeed(copy, "openapi-typescript");
  await using prism = await startPrism("mock", join(copy.folder, contract), "--errors");

  // With no change under src …
  copy.write(
    "scripts/try.ts",
    `import { createClient } from "../src/index.js";
    const client = createClient({ baseUrl: "${prism.url}", apiKey: "sk-test" });
    const params = { path: { upload_id: "upload_abc123" } };
    const { data } = await client.POST("/uploads/{upload_id}/complete", { params, body: { part_ids: ["part_1"] } });
    console.log(data?.status satisfies "pending" | "completed" | "cancelled" | "expired" | undefined);
    // @ts-expect-error: no body
    const { response } = await client.POST("/uploads/{upload_id}/complete", { params });
    console.log(response.status);`,
  );
  // … and with the function of the guide.
  copy.write("src/complete-upload.ts", block("ts"));
  copy.write(
    "scripts/try-function.ts",
    `import { completeUpload } from "../src/complete-upload.js";
    import { createClient } from "../src/index.js";
    const client = createClient({ baseUrl: "${prism.url}", apiKey: "sk-test" });
    console.log((await completeUpload(client, "upload_abc123", ["part_1"])).status);`,
  );
  await succeed(copy, "tsc");
  expect(await succeed(copy, "tsx", "scripts/try.ts")).toBe("completed\n422\n");
  expect(await succeed(copy, "tsx", "scripts/try-function.ts")).toBe("completed\n");
});
