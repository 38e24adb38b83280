import { describe, expect, inject, test } from "vitest";
import { api, cancelUpload, envFor, key, runCommand } from "../support/cli.js";
import { cancelledUpload } from "../support/contract.js";
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
      stderr: "1 cancelled, 1 failed: 404 No such Upload: …\n",
    });
  });

  test("as an object with --json: the given ID, ok, and the Upload or the error", async () => {
    await using server = await api();
    const { exitCode, stdout, stderr } = await cancelUpload(server.url, ["upload_bad", "--json"]);
    expect(exitCode).toBe(1);
    expect(stderr).toBe("0 cancelled, 1 failed: 404 No such Upload: …\n");
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
    expect(JSON.parse(success.stdout)).toEqual({
      upload_id: "upload_abc123",
      ok: true,
      request_id: expect.stringMatching(/^req_/),
      upload: cancelledUpload,
    });
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
      [429, {}, { "retry-after": "121" }],
      { name: "ApiError", status: 429, retry_after_ms: 121_000, attempts: 1 },
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

  test("with a filename of at most 300 characters", async () => {
    await using server = await serve(json(200, { id: "upload_1", status: "cancelled", filename: "x".repeat(900_000) }));
    expect((await cancelUpload(server.url, ["upload_1"])).stdout).toBe(`cancelled  upload_1  ${"x".repeat(300)}…\n`);
  });

  test("with the title of a gateway's HTML page, not with the page", async () => {
    const page =
      "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><hr><center>nginx</center></body>\r\n</html>";
    await using server = await serve((_request, response) => response.writeHead(502).end(page));
    const { stdout, stderr } = await cancelUpload(server.url, ["--max-retries", "0", "upload_1"]);
    expect(stdout).toBe('failed     upload_1  502 (an HTML page: "502 Bad Gateway") (attempts: 1)\n');
    expect(stderr).toBe('0 cancelled, 1 failed: 502 (an HTML page: "502 Bad Gateway")\n');
  });
});

describe("whatever an Upload or an error holds,", () => {
  const characters = "a\u001b]0;title\u0007\u009b2J\u0085\u2028\u202egpj\u200b\u{e0041}\nb";
  const upload = { id: "upload_1", status: "cancelled", filename: characters, [characters]: characters };
  const error = { message: characters, type: characters, code: characters, param: characters };

  test("no line sends commands to a terminal", async () => {
    await using server = await serve((request, response) => {
      const isGood = idOf(request) === "upload_1";
      json(isGood ? 200 : 404, isGood ? upload : { error })(request, response);
    });
    for (const args of [[], ["--json"], ["--verbose"], ["--json", "--verbose"]]) {
      const input = `upload_1\nupload_2\nnot\u009ban ID\n`;
      const { stdout, stderr } = await cancelUpload(server.url, [...args, "-"], input);
      expect(stdout.split("\n")).toHaveLength(4);
      expect(stdout + stderr).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
    }
  });

  test("it's the same JSON", async () => {
    await using server = await serve(json(200, upload));
    const { stdout } = await cancelUpload(server.url, ["--json", "upload_1"]);
    expect(JSON.parse(stdout)).toMatchObject({ upload_id: "upload_1", ok: true, upload });
    expect(stdout).toContain(String.raw`\u001b]0;title\u0007\u009b2J\u0085\u2028\u202egpj\u200b\udb40\udc41\nb`);
  });

  test("no result is lost because of an Upload that is nested deeper than the stack", async () => {
    const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    await using server = await serve((request, response) => {
      response.end(`{ "id": "${idOf(request)}", "status": "cancelled", "bytes": 5, "new": ${nested(5_000)} }`);
    });
    const ids = Array.from({ length: 8 }, (_, n) => `upload_${n}`);
    const words = await cancelUpload(server.url, ids);
    expect(words).toMatchObject({ exitCode: 0, stderr: "8 cancelled, 0 failed\n" });
    const { stdout } = await cancelUpload(server.url, ["--json", "upload_1"]);
    const upload = "JSON that is nested too deeply";
    expect(JSON.parse(stdout)).toEqual({ upload_id: "upload_1", ok: true, request_id: null, upload });
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

  test("shows exactly what a real run sends: no header more, and none less", async () => {
    await using server = await api();
    const env = { ...envFor(server.url), OPENAI_ORG_ID: "org-1", OPENAI_PROJECT_ID: "proj_1" };
    const { stdout } = await runCommand(["--dry-run", "--json", "upload_1"], { env });
    await runCommand(["upload_1"], { env });
    const { method, url, headers } = JSON.parse(stdout).request;
    const [sent] = server.requests;
    expect({ method, url }).toEqual({ method: sent?.method, url: `${new URL(server.url).origin}${sent?.url}` });
    expect(sent?.headers.authorization).toBe(`Bearer ${key}`);

    // The headers that fetch adds to every request.
    await fetch(server.url, { method: "POST" });
    const added = Object.keys(server.requests[1]?.headers ?? {});
    const own = Object.entries(sent?.headers ?? {}).filter(([name]) => !added.includes(name));
    expect(headers).toEqual({ ...Object.fromEntries(own), authorization: "Bearer ***" });
  });

  test("needs no key", async () => {
    const { exitCode, stdout } = await runCommand(["--dry-run", "upload_1"]);
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
  const quoted = 'sk-"quoted"-\\-0123456789';

  test.for<[string, string]>([
    [key, key],
    [quoted, quoted],
    [quoted, JSON.stringify({ quoted })],
    [quoted, `1,"${quoted.replaceAll('"', '""')}"`],
    ["key/with?signs&", encodeURIComponent("key/with?signs&")],
  ])("if a response repeats it: %s in %s", async ([apiKey, filename]) => {
    const upload = { id: "upload_1", object: "upload", filename, [filename]: [filename], status: "cancelled" };
    await using server = await serve(json(200, upload));
    const env = { ...envFor(server.url), OPENAI_API_KEY: apiKey };
    for (const args of [["upload_1"], ["--json", "upload_1"]]) {
      const { exitCode, stdout } = await runCommand(args, { env });
      expect(exitCode).toBe(0);
      expect(stdout).toContain("***");
      expect(stdout).not.toMatch(/quoted"*-|signs|0123456789/);
    }
  });

  test("but not in words that happen to contain a short key", async () => {
    await using server = await api();
    const env = { ...envFor(server.url), OPENAI_API_KEY: "cance" };
    const { stdout } = await runCommand(["upload_1"], { env });
    expect(stdout).toMatch(/^cancelled {2}upload_1 /);
  });

  test.for(["upload", "123456", "cancelled"])("but the command's own words, names and IDs stay: %s", async (apiKey) => {
    const upload = { id: "upload_123456", status: "cancelled", bytes: 1_234_567_890, filename: `a ${apiKey}` };
    await using server = await serve(json(200, upload));
    const env = { ...envFor(server.url), OPENAI_API_KEY: apiKey };
    const words = await runCommand(["upload_123456"], { env });
    expect(words).toEqual({
      exitCode: 0,
      stdout: "cancelled  upload_123456  a ***  1.23 GB\n",
      stderr: "1 cancelled, 0 failed\n",
    });
    const { stdout } = await runCommand(["--json", "upload_123456"], { env });
    expect(JSON.parse(stdout)).toMatchObject({
      upload_id: "upload_123456",
      ok: true,
      upload: { bytes: 1_234_567_890, filename: "a ***" },
    });
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

describe("the summary groups failures by what happened, whatever their IDs:", () => {
  test("the largest group comes first", async () => {
    await using server = await serve((request, response) => {
      const id = idOf(request);
      const [status, message] = id.includes("old")
        ? [400, `Upload ${id} has already been cancelled.`]
        : [404, `No such Upload: ${id} (request req_${Math.random()})`];
      if (id.includes("lost")) request.socket.destroy();
      else json(status, { error: { message } }, { "x-request-id": id })(request, response);
    });
    const ids = ["upload_old_1", "upload_gone_a", "upload_gone_2", "upload_gone_3", "upload_lost_1", "upload_lost_b"];
    const { stderr } = await cancelUpload(server.url, ["--max-retries", "0", ...ids]);
    expect(stderr).toBe(
      [
        "0 cancelled, 6 failed: 3 × 404 No such Upload: … (request …; 2 × no response, other side closed; ",
        "1 × 400 Upload … has already been cancelled\n",
      ].join(""),
    );
  });

  test("a run after a lost one says that its Uploads are cancelled already", async () => {
    await using server = await serve((request, response) => {
      const error = { message: `Upload ${idOf(request)} has already been cancelled.`, type: "invalid_request_error" };
      json(400, { error })(request, response);
    });
    const ids = Array.from({ length: 8 }, (_, n) => `upload_${n}`);
    const { stderr } = await cancelUpload(server.url, ids);
    expect(stderr).toBe("0 cancelled, 8 failed: 400 Upload … has already been cancelled\n");
  });
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
  expect(lines[1]).toMatch(/^Cancelling upload_1 failed: no response, .+; trying again in 0\.\d s$/);
  expect(lines.slice(2)).toEqual(["1 cancelled, 0 failed", ""]);
  expect(exitCode).toBe(0);
});
