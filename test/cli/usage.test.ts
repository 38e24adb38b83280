import { describe, expect, test } from "vitest";
import { api, cancelUpload, key, runCommand } from "../support/cli.js";
import { serve } from "../support/server.js";

describe.concurrent("a usage error is one sentence with exit code 2, and nothing is sent:", () => {
  test.for<[string, string[], string]>([
    ["no Upload", [], "missing required argument 'upload_id'"],
    ["an empty ID", [""], '"" is not an upload ID'],
    ["an ID with a space", ["upload_1 upload_2"], '"upload_1 upload_2" is not an upload ID'],
    ["a path", [".."], '".." is not an upload ID'],
    ["null, as jq prints it", ["null"], '"null" is not an upload ID'],
    ["an ID that is too long", ["a".repeat(257)], "is not an upload ID"],
    ["standard input twice", ["-", "-"], "- can be given only once"],
    ["an unknown option", ["--api-key", "x", "upload_1"], "unknown option '--api-key'"],
    ["--concurrency 0", ["--concurrency", "0", "upload_1"], "Expected a whole number, 1 or more."],
    ["--concurrency many", ["--concurrency", "many", "upload_1"], "Expected a whole number, 1 or more."],
    ["--max-retries -1", ["--max-retries=-1", "upload_1"], "Expected a whole number, 0 or more."],
    ["--timeout soon", ["--timeout", "soon", "upload_1"], "Expected a time, such as 30s, 500ms or 2m."],
    ["--timeout 30", ["--timeout", "30", "upload_1"], "Add a unit: 30s for seconds, or 30ms for milliseconds."],
    ["--max-wait 1.5", ["--max-wait", "1.5", "upload_1"], "Add a unit: 1.5s for seconds, or 1.5ms for milliseconds."],
    [
      "--max-wait 100 days",
      ["--max-wait", "144000m", "upload_1"],
      "--max-wait must be a whole number of milliseconds from 0",
    ],
    ["a file", ["README.md"], "README.md is a file; to read IDs from it: cancel-upload - < README.md"],
    ["a file among IDs", ["upload_1", "./package.json"], "to read IDs from it: cancel-upload - < ./package.json"],
    [
      "the API key",
      ["upload_1", key],
      "an argument is an API key, not an upload ID; the key belongs in OPENAI_API_KEY",
    ],
    ["another API key", ["sk-proj-secret"], "an argument is an API key, not an upload ID"],
    ["an assignment of an API key", ["OPENAI_API_KEY=sk-secret"], "an argument is an API key, not an upload ID"],
    ["a header with the API key", [`Bearer ${key}`], "an argument is an API key, not an upload ID"],
    [
      "--timeout 100 days",
      ["--timeout", "144000m", "upload_1"],
      "--timeout must be a whole number of milliseconds from 0",
    ],
    ["--base-url localhost", ["--base-url", "localhost", "upload_1"], "--base-url must be an http(s) URL"],
    [
      "--base-url with a query",
      ["--base-url", "http://a/?b", "upload_1"],
      "--base-url must be a URL without a user, query or fragment",
    ],
  ])("%s", async ([, args, sentence]) => {
    await using server = await api();
    const { exitCode, stdout, stderr } = await cancelUpload(server.url, args);
    expect(stderr).toContain(sentence);
    expect(stderr).toMatch(/^error: .+\n\(see cancel-upload --help\)\n$/);
    expect(stderr).not.toContain("secret");
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
    expect(server.requests).toHaveLength(0);
  });

  test.for([
    ["--api-key=sk-secret-0123456789"],
    ["-k=sk-secret-0123456789"],
    ["-ksk-secret-0123456789"],
    ["-t", "sk-secret-0123456789"],
    ["-tsk-secret-0123456789"],
    ["--timeout", "Bearer sk-secret-0123456789"],
    ["--base-url", "sk-secret-0123456789", "upload_1"],
    ["--resume", "sk-secret-0123456789/results.jsonl", "upload_1"],
  ])("an API key that isn't in the environment doesn't show: %s", async (...[args]) => {
    for (const env of [{}, { OPENAI_API_KEY: "sk-other" }]) {
      const { exitCode, stdout, stderr } = await runCommand(args, { env });
      expect(stderr).toMatch(/^error: .+\n\(see cancel-upload --help\)\n$/);
      expect(stdout + stderr).not.toContain("secret");
      expect(exitCode).toBe(2);
    }
  });

  test("an argument sends no commands to a terminal", async () => {
    for (const args of [["--\u001b[2J\u009b2J"], ["-t", "\u202e30s"], ["--resume", "/\u009b2J/missing", "upload_1"]]) {
      const { exitCode, stderr } = await runCommand(args, { env: { OPENAI_API_KEY: "sk-test" } });
      expect(stderr).not.toMatch(/[^\P{C}\n]/u);
      expect(exitCode).toBe(2);
    }
  });

  test.for<[string, Record<string, string>, string]>([
    ["no key", { OPENAI_API_KEY: "" }, "error: there is no API key: set OPENAI_API_KEY\n"],
    ["a key that can't be sent", { OPENAI_API_KEY: "sk-sécret" }, "error: OPENAI_API_KEY must be visible ASCII"],
    ["a bad organization", { OPENAI_ORG_ID: "my org" }, "error: OPENAI_ORG_ID must be visible ASCII characters"],
    ["a base URL without its scheme", { OPENAI_BASE_URL: "127.0.0.1:4801" }, "OPENAI_BASE_URL must be an http(s) URL"],
    [
      "a base URL with a password",
      { OPENAI_BASE_URL: "me:sécret@127.0.0.1" },
      "OPENAI_BASE_URL must be an http(s) URL",
    ],
  ])("%s", async ([, env, sentence]) => {
    const { exitCode, stdout, stderr } = await runCommand(["upload_1"], {
      env: { OPENAI_API_KEY: "sk-test", ...env },
    });
    expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/s.cret|\n {4}at /);
    expect([exitCode, stdout]).toEqual([2, ""]);
  });
});

test("--help and --version go to standard output, with exit code 0", async () => {
  const help = await runCommand(["--help"]);
  expect(help).toMatchObject({ exitCode: 0, stderr: "", stdout: expect.stringContaining("Usage: cancel-upload") });
  expect(help.stdout).not.toContain("--api-key");
  const defaults = help.stdout.replaceAll(/\s+/g, " ").match(/\(default: \w+\)/g);
  expect(defaults).toEqual(["(default: 8)", "(default: 2)", "(default: 30s)", "(default: 120s)"]);
  expect(await runCommand(["--version"])).toEqual({ exitCode: 0, stderr: "", stdout: "0.1.0\n" });
});

test("--help fits in 80 columns, and lists the environment variables that the command reads", async () => {
  const { stdout } = await runCommand(["--help"]);
  expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  const variables = ["API_KEY", "BASE_URL", "ORG_ID", "PROJECT_ID"].map((name) => `OPENAI_${name}`);
  for (const name of [...variables, "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS"]) {
    expect(stdout).toContain(name);
  }
});

test("numbers can have separators, times have units, and 0 needs none", async () => {
  await using server = await api();
  const args = ["--concurrency", "1_000", "--timeout", "1.5s", "--max-retries", "0", "upload_1"];
  expect(await cancelUpload(server.url, args)).toMatchObject({ exitCode: 0 });
  expect(await cancelUpload(server.url, ["--timeout", "0", "upload_1"])).toMatchObject({ exitCode: 0 });

  await using silent = await serve(() => {});
  const { stdout } = await cancelUpload(silent.url, ["--timeout", "0.1s", "--max-retries", "0", "upload_1"]);
  expect(stdout).toBe("failed     upload_1  no response within 100 ms (attempts: 1)\n");
});
