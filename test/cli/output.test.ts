import { describe, expect, inject, test } from "vitest";
import { api, cancelUpload, cli, envFor, key } from "../support/cli.js";
import { cancelledUpload } from "../support/contract.js";
import { run } from "../support/run.js";
import { idOf, inTurn, json, serve } from "../support/server.js";

describe("standard output has one line per Upload", () => {
  test("in words", async () => {
    await using server = await api();
    expect(await cancelUpload(server.url, ["upload_1", "upload_bad"])).toEqual({
      exitCode: 1,
      stdout: [
        "cancelled  upload_1  training_examples.jsonl  2.15 GB\n",
        "failed     upload_bad  404 No such Upload: upload_bad (request: req_1, attempts: 1)\n",
      ].join(""),
      stderr: "1 cancelled, 1 failed: 404 not found\n",
    });
  });

  test("as an object with --json: the given ID, ok, and the Upload or the error", async () => {
    await using server = await api();
    const { exitCode, stdout, stderr } = await cancelUpload(server.url, ["upload_bad", "--json"]);
    expect(exitCode).toBe(1);
    expect(stderr).toBe("0 cancelled, 1 failed: 404 not found\n");
    expect(JSON.parse(stdout)).toEqual({
      upload_id: "upload_bad",
      ok: false,
      error: {
        name: "ApiError",
        message: "404 No such Upload: upload_bad (request: req_1, attempts: 1)",
        status: 404,
        code: null,
        type: "invalid_request_error",
        param: "upload_id",
        request_id: "req_1",
        retry_after_ms: null,
        attempts: 1,
      },
    });
    const success = await cancelUpload(inject("prismUrl"), ["--json", "upload_abc123"]);
    expect(JSON.parse(success.stdout)).toEqual({ upload_id: "upload_abc123", ok: true, upload: cancelledUpload });
    expect(success.exitCode).toBe(0);
  });

  test.for<[string, Parameters<typeof json>, object]>([
    [
      "a response without a cancelled Upload",
      [200, { id: "upload_1", status: "pending" }, { "x-request-id": "req_1" }],
      { name: "InvalidResponseError", status: 200, request_id: "req_1", attempts: 1 },
    ],
    [
      "a wait that is too long",
      [429, {}, { "retry-after": "61" }],
      { name: "ApiError", status: 429, retry_after_ms: 61_000, attempts: 1 },
    ],
  ])("as an object with --json for %s", async ([, answer, error]) => {
    await using server = await serve(json(...answer));
    const { stdout } = await cancelUpload(server.url, ["--json", "upload_1"]);
    expect(JSON.parse(stdout)).toEqual({ upload_id: "upload_1", ok: false, error: expect.objectContaining(error) });
  });

  test("without the size if it isn't a finite number", async () => {
    await using server = await serve((request, response) => {
      const bytes = idOf(request) === "upload_1" ? "1e999" : '"many"';
      response.end(`{ "id": "${idOf(request)}", "status": "cancelled", "bytes": ${bytes} }`);
    });
    const { exitCode, stdout } = await cancelUpload(server.url, ["upload_1", "upload_2"]);
    expect(stdout.split("\n").sort()).toEqual(["", "cancelled  upload_1", "cancelled  upload_2"]);
    expect(exitCode).toBe(0);
  });

  test("without control characters, whatever the API sends", async () => {
    const upload = { id: "upload_1", status: "cancelled", filename: "a\u001b[2J\nb", bytes: "many" };
    await using server = await serve(json(200, upload));
    const { stdout } = await cancelUpload(server.url, ["upload_1"]);
    expect(stdout).toBe("cancelled  upload_1  a [2J b\n");
  });
});

describe("--dry-run", () => {
  test("prints the requests, hides the key, and sends nothing", async () => {
    await using server = await api();
    const words = await cancelUpload(server.url, ["--dry-run", "upload_1", "upload_2"]);
    expect(words).toEqual({
      exitCode: 0,
      stdout: ["upload_1", "upload_2"]
        .map((id) => `POST  ${server.url}/uploads/${id}/cancel  authorization: Bearer ***\n`)
        .join(""),
      stderr: "2 would be sent, 0 failed\n",
    });
    const { stdout } = await cancelUpload(server.url, ["--dry-run", "--json", "upload_1"]);
    expect(JSON.parse(stdout)).toEqual({
      upload_id: "upload_1",
      ok: true,
      request: {
        method: "POST",
        url: `${server.url}/uploads/upload_1/cancel`,
        headers: { authorization: "Bearer ***" },
      },
    });
    expect(server.requests).toHaveLength(0);
  });

  test("prints the very headers that would be sent", async () => {
    await using server = await api();
    const env = { ...envFor(server.url), OPENAI_ORG_ID: "org-1", OPENAI_PROJECT_ID: "proj_1" };
    const { stdout } = await run(process.execPath, [cli, "--dry-run", "--json", "upload_1"], { env });
    await run(process.execPath, [cli, "upload_1"], { env });
    const { method, url, headers } = JSON.parse(stdout).request;
    const [sent] = server.requests;
    expect({ method, url }).toEqual({ method: sent?.method, url: `${new URL(server.url).origin}${sent?.url}` });
    expect(headers).toEqual({
      authorization: "Bearer ***",
      "openai-organization": "org-1",
      "openai-project": "proj_1",
    });
    expect(sent?.headers).toMatchObject({ ...headers, authorization: `Bearer ${key}` });
  });

  test("needs no key", async () => {
    const { exitCode, stdout } = await run(process.execPath, [cli, "--dry-run", "upload_1"]);
    expect(stdout).toBe("POST  https://api.openai.com/v1/uploads/upload_1/cancel  authorization: Bearer ***\n");
    expect(exitCode).toBe(0);
  });

  test("checks its input as a real run does", async () => {
    await using server = await api();
    const input = "upload_1\nnot an ID\nupload_1\n";
    expect(await cancelUpload(server.url, ["--dry-run", "-"], input)).toEqual({
      exitCode: 1,
      stdout: [
        `POST  ${server.url}/uploads/upload_1/cancel  authorization: Bearer ***\n`,
        'failed     line 2  not an upload ID: "not an ID"\n',
      ].join(""),
      stderr: "line 3: skipped upload_1, a duplicate\n1 would be sent, 1 failed: not an upload ID\n",
    });
  });
});

describe("the API key is hidden", () => {
  test.for([key, 'sk-"quoted"-\\-0123456789'])("if a response repeats it: %s", async (apiKey) => {
    const upload = { id: "upload_1", object: "upload", filename: `Bearer ${apiKey}`, status: "cancelled" };
    await using server = await serve(json(200, upload));
    const env = { ...envFor(server.url), OPENAI_API_KEY: apiKey };
    const words = await run(process.execPath, [cli, "upload_1"], { env });
    expect(words.stdout).toBe("cancelled  upload_1  Bearer ***\n");
    const { stdout } = await run(process.execPath, [cli, "--json", "upload_1"], { env });
    expect(JSON.parse(stdout)).toEqual({
      upload_id: "upload_1",
      ok: true,
      upload: { ...upload, filename: "Bearer ***" },
    });
  });

  test("but not in words that happen to contain a short key", async () => {
    await using server = await api();
    const env = { ...envFor(server.url), OPENAI_API_KEY: "cance" };
    const { stdout } = await run(process.execPath, [cli, "upload_1"], { env });
    expect(stdout).toMatch(/^cancelled {2}upload_1 /);
  });
});

describe("the stack of an error is shown only with --verbose", () => {
  test.for([
    [[], false],
    [["--verbose"], true],
  ] as const)("%j", async ([args, isShown]) => {
    await using server = await api();
    const { stdout, stderr } = await cancelUpload(server.url, [...args, "upload_bad"]);
    expect(/\n {4}at /.test(stderr)).toBe(isShown);
    expect(stdout).not.toMatch(/\n {4}at /);
    expect(stdout + stderr).not.toContain(key);
  });
});

test("the summary groups failures by kind, the most frequent first", async () => {
  await using server = await serve((request, response) => {
    const id = idOf(request);
    if (id.startsWith("upload_lost")) request.socket.destroy();
    else json(id.startsWith("upload_old") ? 400 : 404, { error: { message: "no" } })(request, response);
  });
  const ids = ["upload_old_1", "upload_gone_1", "upload_gone_2", "upload_gone_3", "upload_lost_1", "upload_lost_2"];
  const { stderr } = await cancelUpload(server.url, ["--max-retries", "0", ...ids]);
  expect(stderr).toBe("0 cancelled, 6 failed: 3 × 404 not found, 2 × no response, 1 × 400 bad request\n");
});

test("--verbose prints every failed attempt, with its reason and the wait before the next one", async () => {
  await using server = await serve(
    inTurn(
      json(503, { error: { message: "Overloaded" } }, { "retry-after-ms": "100" }),
      (request) => request.socket.destroy(),
      json(200, { id: "upload_1", status: "cancelled" }),
    ),
  );
  const { exitCode, stderr } = await cancelUpload(server.url, ["--verbose", "upload_1"]);
  const lines = stderr.split("\n");
  expect(lines[0]).toBe("Cancelling upload_1 failed: 503 Overloaded (attempts: 1); trying again in 0.1 s");
  expect(lines[1]).toMatch(/^Cancelling upload_1 failed: no response, .+; trying again in (0\.[89]|1\.0) s$/);
  expect(lines.slice(2)).toEqual(["1 cancelled, 0 failed", ""]);
  expect(exitCode).toBe(0);
});
