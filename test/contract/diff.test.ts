import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diff } from "../../scripts/contract/diff.js";
import { type Copy, copyOfRepository } from "../support/copy.js";
import { run } from "../support/run.js";

// A copy must not be taken for a part of the repository that the temporary folder may be in.
process.env["GIT_CEILING_DIRECTORIES"] = tmpdir();

const BREAKING = ["        - purpose\n        - status\n", "        - status\n"] as const;
const VERSION = / {2}version: \d+\.\d+\.\d+/;

function git(copy: Copy, ...args: string[]): void {
  const author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
  execFileSync("git", [...author, ...args], { cwd: copy.folder, stdio: "pipe" });
}

function repository(copy: Copy = copyOfRepository()): Copy {
  git(copy, "init", "--quiet");
  setVersion(copy, "1.0.0");
  commit(copy);
  return copy;
}

function commit(copy: Copy): void {
  git(copy, "add", "openapi");
  git(copy, "commit", "--quiet", "--message", "Change the contract");
}

function setVersion(copy: Copy, version: string): void {
  const [current = ""] = VERSION.exec(copy.read("openapi/openapi.yaml")) ?? [];
  copy.editContract(current, `  version: ${version}`);
}

const CONTRACT = "openapi/openapi.yaml";

test("a breaking change needs a major version, both before and after it is committed", async () => {
  using copy = repository();
  copy.editContract(...BREAKING);
  const edited = await diff(undefined, copy.folder);
  expect(edited.output).toContain("Properties of `Upload` are no longer required: `purpose`.");
  expect(edited.output).toContain("it must be 2.0.0 or higher");
  expect(edited.exitCode).toBe(1);

  commit(copy);
  const committed = await diff(undefined, copy.folder);
  expect(committed.output).toContain("it must be 2.0.0 or higher");
  expect(committed.exitCode).toBe(1);

  setVersion(copy, "2.0.0");
  expect(await diff("HEAD~", copy.folder)).toMatchObject({ exitCode: 0, output: expect.stringContaining("is 2.0.0.") });
});

test("the contract is compared with the last release, not with later commits", async () => {
  using copy = repository();
  git(copy, "tag", "v0.1.0");
  copy.editContract(...BREAKING);
  commit(copy);
  copy.editContract("Cancels the Upload.", "Cancels it.");
  commit(copy);
  const { exitCode, output } = await diff(undefined, copy.folder);
  expect(output).toContain("info.version was 1.0.0 at v0.1.0 and is 1.0.0; it must be 2.0.0 or higher.");
  expect(exitCode).toBe(1);

  expect((await diff("HEAD~", copy.folder)).output).toContain("it must be 1.0.1 or higher");
});

test("before the first release, no later commit hides a breaking change", async () => {
  using copy = repository();
  setVersion(copy, "2.0.0");
  commit(copy);
  copy.editContract(...BREAKING);
  setVersion(copy, "2.1.0");
  commit(copy);
  copy.editContract("Cancels the Upload.", "Cancels it.");
  setVersion(copy, "2.1.1");
  commit(copy);
  const { exitCode, output } = await diff(undefined, copy.folder);
  expect(output).toContain("no longer required: `purpose`");
  expect(output).toMatch(/info\.version was 2\.0\.0 at \w+ and is 2\.1\.1; it must be 3\.0\.0 or higher\.$/);
  expect(exitCode).toBe(1);

  setVersion(copy, "3.0.0");
  expect(await diff(undefined, copy.folder)).toMatchObject({ exitCode: 0 });
  commit(copy);
  expect(await diff(undefined, copy.folder)).toMatchObject({ exitCode: 0 });
});

const REQUEST = `      requestBody:
        content: { application/json: { schema: { type: object, properties: { note: { type: string }, by: { type: string } } } } }
      parameters:
        - { name: reason, in: query, required: true, schema: { type: string, enum: [a, b], maxLength: 5 } }
`;

test.for<[impact: string, version: string, edits: [what: string, before: string, after: string][]]>([
  [
    "anything that breaks a caller's code",
    "2.0.0",
    [
      [
        "major: modified #/paths/~1uploads~1{id}~1cancel · key",
        "/uploads/{upload_id}/cancel:",
        "/uploads/{id}/cancel:",
      ],
      ["", "- name: upload_id", "- name: id"],
      ["major: removed #/components/schemas/OpenAIFile", "    OpenAIFile:", "    File:"],
      ["", "schemas/OpenAIFile", "schemas/File"],
      ["major: modified #/paths/~1uploads~1{id}~1cancel/post · operationId", "Id: cancelUpload", "Id: cancel"],
    ],
  ],
  [
    "a removed optional request field",
    "2.0.0",
    [["major: removed #/paths/~1uploads~1{upload_id}~1cancel/post/requestBody/", "note: { type: string }, ", ""]],
  ],
  [
    "a value removed from a response's enum",
    "2.0.0",
    [["/properties/purpose · enum", "            - batch_output\n", ""]],
  ],
  [
    "a response enum where there was none",
    "2.0.0",
    [["filename · enum", "file to be uploaded.\n", "file to be uploaded.\n          enum: [a]\n"]],
  ],
  ["a header that becomes optional", "2.0.0", [["x-request-id · required", "      required: true # it\n", ""]]],
  [
    "anything new to a caller",
    "1.1.0",
    [
      ["minor: added #/components/schemas/New", "  schemas:\n", "  schemas:\n    New: { type: string }\n"],
      ["/post/parameters/0/schema · enum", "enum: [a, b]", "enum: [a, b, c]"],
      ["/post/parameters/0 · required", "required: true, schema", "schema"],
      ["/post/parameters/0/schema · maxLength", "maxLength: 5", "maxLength: 6"],
    ],
  ],
  [
    "a change of wording",
    "1.0.1",
    [
      ["/post · description", "Cancels the Upload.", "Cancels it."],
      ["/examples/expired · summary", "summary: The Upload has expired", "summary: Expired"],
    ],
  ],
  [
    "a changed example",
    "1.0.1",
    [["patch: modified examples", "filename: training_examples.jsonl", "filename: a.jsonl"]],
  ],
  [
    "a reordered enum",
    "1.0.1",
    [["/status · enum", "- pending\n            - completed", "- completed\n            - pending"]],
  ],
  ["a reordered required", "1.0.1", [["· required", "- id\n        - created_at\n", "- created_at\n        - id\n"]]],
  ["a new tag", "1.0.1", [["patch: added #/tags", "servers:\n", "tags:\n  - name: Uploads\nservers:\n"]]],
  ["openapi: 3.1.1", "1.0.1", [["patch: modified #/ · openapi", "openapi: 3.1.0", "openapi: 3.1.1"]]],
  ["a comment", "1.0.0", [["0 major, 0 minor, 0 patch.", "# OpenAI's own example", "# Their own example"]]],
])("%s needs version %s", async ([, version, edits]) => {
  using copy = copyOfRepository();
  copy.editContract("      parameters:\n", REQUEST);
  copy.editContract(
    "which OpenAI's support asks for.\n",
    "which OpenAI's support asks for.\n      required: true # it\n",
  );
  repository(copy);
  for (const [, before, after] of edits) copy.editContract(before, after);
  const { exitCode, output } = await diff(undefined, copy.folder);
  for (const [what] of edits) expect(output).toContain(what);
  if (version === "1.0.0") return expect(exitCode).toBe(0);
  expect(output).toContain(`it must be ${version} or higher.`);
  if (version === "1.1.0") expect(output).toContain("0 major, 4 minor, 0 patch.");
  expect(exitCode).toBe(1);
});

test("a change in a second file of the contract counts", async () => {
  using copy = copyOfRepository();
  copy.splitContract();
  repository(copy);
  copy.write("openapi/upload.yaml", copy.read("openapi/upload.yaml").replace("  - purpose\n", ""));
  const { exitCode, output } = await diff(undefined, copy.folder);
  expect(output).toContain("no longer required: `purpose`");
  expect(output).toMatch(/at \S*openapi\/upload\.yaml:\d+:\d+/);
  expect(exitCode).toBe(1);
});

test("an unchanged contract passes, but not with a lower version", async () => {
  using copy = repository();
  git(copy, "tag", "v0.1.0");
  expect(await diff(undefined, copy.folder)).toEqual({
    exitCode: 0,
    output: "0 major, 0 minor, 0 patch. info.version was 1.0.0 at v0.1.0 and is 1.0.0.",
  });
  setVersion(copy, "0.9.0");
  expect(await diff(undefined, copy.folder)).toMatchObject({
    exitCode: 1,
    output: expect.stringContaining("is 0.9.0; it must be 1.0.0 or higher."),
  });
});

test("a contract that isn't YAML is an error that says where", async () => {
  using copy = repository();
  copy.write(CONTRACT, `${copy.read(CONTRACT)}\n   no: [yaml`);
  const { exitCode, output } = await diff(undefined, copy.folder);
  expect(output).toMatch(/^Error: .+ at \S*openapi\/openapi\.yaml:\d+:\d+$/);
  expect(exitCode).toBe(1);
});

test("without a git history to compare with, it says so and passes", async () => {
  using copy = repository();
  rmSync(join(copy.folder, ".git"), { recursive: true });
  const { exitCode, output } = await diff(undefined, copy.folder);
  expect(output).toContain("so there is nothing to compare with");
  expect(exitCode).toBe(0);
});

test("npm run contract:diff prints the comparison, and exits with its code", async () => {
  const { exitCode, stdout } = await run(process.execPath, ["--import", "tsx", "scripts/contract/diff.ts", "v9"]);
  expect(stdout).toContain("There is no openapi/openapi.yaml at the git revision v9");
  expect(exitCode).toBe(2);
});
