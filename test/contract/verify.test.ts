import type { RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { readContract } from "../../scripts/contract/contract.js";
import { type Verdict, verify } from "../../scripts/contract/verify.js";
import { cancelledUpload } from "../support/contract.js";
import { run } from "../support/run.js";
import { inTurn, json, type Server, serve } from "../support/server.js";

const KEY = "sk-proj-SECRETabcdefghijklmnopqrstuvwxyz";
const { paths, ...whole } = await readContract();
/** The contract with its first operation alone, so that no test has to name one. */
const contract = {
  ...whole,
  paths: Object.fromEntries(Object.entries(paths).filter(([path]) => path === "/uploads/{upload_id}/cancel")),
};
const closedUrl = await urlOfClosedServer();
const upload = Object(cancelledUpload);
const refusal = { error: { message: "no", type: "invalid_request_error", param: null, code: null } };
const requestId = { "x-request-id": "req_1" };

function answer(status: number, body: unknown, headers: Record<string, string> = requestId): RequestListener {
  return json(status, body, headers);
}

function raw(body: string): RequestListener {
  return (_, response) => response.writeHead(200, { ...requestId, "content-type": "application/json" }).end(body);
}

async function urlOfClosedServer(): Promise<string> {
  await using server = await serve(() => {});
  return server.url;
}

function verifyAt(server: Server, args: string[] = ["upload_abc123"], of = contract): Promise<Verdict> {
  return verify(of, args, { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: server.url });
}

test("a cancelled Upload is as the contract says, and exits with 0", async () => {
  await using server = await serve(answer(200, upload));
  expect(await verifyAt(server)).toEqual({
    exitCode: 0,
    output: `${server.url} answered 200, as the contract says.`,
  });
  expect(server.requests.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
    ["POST", "/v1/uploads/upload_abc123/cancel", `Bearer ${KEY}`],
  ]);
});

test.for([{}, { "retry-after": "1" }, { "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT" }])(
  "the optional headers of the contract may be missing or have any valid value: %o",
  async (headers) => {
    await using server = await serve(answer(429, refusal, headers));
    expect(await verifyAt(server)).toMatchObject({ exitCode: 3 });
  },
);

test("a documented error is not a success: the output says so, and the exit code is 3", async () => {
  await using server = await serve(answer(404, refusal));
  expect(await verifyAt(server)).toEqual({
    exitCode: 3,
    output: `${server.url} answered 404, as the contract says. This verifies the error, but not a success.`,
  });
});

const { filename, ...withoutFilename } = upload;
const html = { ...requestId, "content-type": "text/html" };
const file = {
  ...{ id: "file-1", bytes: 5, created_at: 5, filename, object: "file", purpose: "batch", status: "processed" },
};

test.for<[string, RequestListener, unknown[]]>([
  ["a missing field", answer(200, withoutFilename), ["The body must have required property 'filename'"]],
  [
    "a field that the contract doesn't have",
    answer(200, { ...upload, region: "eu" }),
    [`The body has the field "region", which the contract doesn't have`],
  ],
  [
    "such a field in an object in the body, and a missing field",
    answer(200, { ...withoutFilename, file: { ...file, region: "eu" } }),
    ["The body must have required property 'filename'", `file has the field "region", which the contract doesn't have`],
  ],
  [
    "two fields of a wrong type",
    answer(200, { ...upload, bytes: "5", id: 5 }),
    ["id must be string", "bytes must be integer"],
  ],
  [
    "a wrong field of a File",
    answer(200, { ...upload, file: { ...file, bytes: "5" } }),
    ["file.bytes must be integer"],
  ],
  ["text in place of a File", answer(200, { ...upload, file: "file-1" }), ["file must be object"]],
  ["an array", answer(200, []), ["The body must be object"]],
  ["another Upload", answer(200, { ...upload, id: "upload_def456" }), ['id is "upload_def456", not "upload_abc123"']],
  ["a negative number", answer(200, { ...upload, bytes: -1 }), ["bytes must be >= 0"]],
  [
    "a number that JavaScript can't represent",
    raw(JSON.stringify(upload).replace(/"bytes":\d+/, '"bytes":1e400')),
    ["bytes must be integer"],
  ],
  [
    "an Upload that is not cancelled",
    answer(200, { ...upload, status: "pending" }),
    [`status must be equal to constant: "cancelled"`],
  ],
  [
    "an empty x-request-id",
    answer(200, upload, { "x-request-id": "" }),
    ["The header x-request-id must NOT have fewer than 1 characters"],
  ],
  [
    "a Retry-After that is neither seconds nor a date",
    answer(429, refusal, { "retry-after": "soon" }),
    [expect.stringMatching(/^The header Retry-After must match pattern /)],
  ],
  ["a status code that only `default` documents", answer(418, refusal), ["The contract doesn't name the status 418"]],
  [
    "a success that only `default` documents",
    answer(202, { status: "cancelled" }),
    [
      "The contract doesn't name the status 202",
      "The body must have required property 'error'",
      `The body has the field "status", which the contract doesn't have`,
    ],
  ],
  ["501", answer(501, refusal), ["The contract doesn't name the status 501"]],
  ["an HTML page", answer(200, "<html>", html), [`The content-type is "text/html", not application/json`]],
  [
    "no content-type",
    inTurn((_, response) => response.writeHead(200, requestId).end()),
    ["The content-type is missing, not application/json"],
  ],
  [
    "JSON that is cut short",
    inTurn((_, response) =>
      response.writeHead(200, { ...requestId, "content-type": "application/json" }).end('{"id":'),
    ),
    ["The body isn't JSON"],
  ],
  [
    "an incomplete body",
    inTurn((_, response) => {
      response.writeHead(200, { ...requestId, "content-type": "application/json", "content-length": 100 });
      response.write('{"id":', () => response.destroy());
    }),
    ["The body is incomplete"],
  ],
])("%s is listed, and exits with 1", async ([, listener, differences]) => {
  await using server = await serve(listener);
  const { exitCode, output } = await verifyAt(server);
  const [first, ...list] = output.split("\n- ");
  expect(first).toMatch(/answered \d+\. The response doesn't match the contract:$/);
  expect(list).toEqual(differences);
  expect(exitCode).toBe(1);
  expect(server.requests).toHaveLength(1);
});

test.for([301, 302, 303, 307, 308])("a redirect (%i) is listed, and not followed", async (status) => {
  await using elsewhere = await serve(answer(200, upload));
  await using server = await serve(answer(status, {}, { location: `${elsewhere.url}/elsewhere` }));
  const { exitCode, output } = await verifyAt(server);
  expect(output).toContain("- The response is a redirect, which wasn't followed");
  expect(exitCode).toBe(1);
  expect(elsewhere.requests).toHaveLength(0);
});

test.for<[string, RequestListener]>([
  ["its media type", (_, response) => response.writeHead(200, { "content-type": `text/${KEY}` }).end()],
  ["a field's name", answer(200, { ...upload, [KEY]: 1, [`${KEY.slice(0, 12)}…`]: 1 })],
  ["a body that isn't JSON", (_, response) => response.writeHead(200, { "content-type": "application/json" }).end(KEY)],
])("no part of the key is shown, even if the server repeats it in %s", async ([, listener]) => {
  await using server = await serve(listener);
  const { exitCode, output } = await verifyAt(server);
  for (let start = 0; start + 6 <= KEY.length; start++) expect(output).not.toContain(KEY.slice(start, start + 6));
  expect(exitCode).toBe(1);
});

test.for<[string, string[], Record<string, string>, string]>([
  ["no Upload is named", [], {}, "Give a value for each parameter: npm run contract:verify -- <upload_id>"],
  ["there is no key", ["upload_abc123"], { OPENAI_API_KEY: "" }, "Set OPENAI_API_KEY to an API key."],
  ["the key can't be sent", ["upload_abc123"], { OPENAI_API_KEY: "sk-1\n2" }, "Set OPENAI_API_KEY to an API key."],
  ["the ID can't be sent", [".."], {}, 'upload_id must not be "", "." or "..".'],
  ["there is no server", ["upload_abc123"], {}, "There was no response: connect ECONNREFUSED"],
  [
    "its address isn't a URL",
    ["upload_abc123"],
    { OPENAI_BASE_URL: "nowhere" },
    "Set OPENAI_BASE_URL to an http(s) URL",
  ],
  ["there is no such operation", ["--operation", "cancel", "upload_abc123"], {}, "--operation: cancelUpload."],
  ["there is no such option", ["--what", "upload_abc123"], {}, "Unknown option '--what'"],
])("if %s, it says what to do, and exits with 2", async ([, args, env, sentence]) => {
  const { exitCode, output } = await verify(contract, args, {
    OPENAI_API_KEY: KEY,
    OPENAI_BASE_URL: closedUrl,
    ...env,
  });
  expect(output).toContain(sentence);
  expect(exitCode).toBe(2);
});

const responses = { "200": {} };
const upload_id = { name: "upload_id", in: "path", required: true, schema: { type: "string" } } as const;
const contractOfTwo = {
  paths: {
    "/uploads/{upload_id}/complete": {
      parameters: [upload_id],
      post: {
        operationId: "completeUpload",
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: {
                type: "object",
                required: ["part_ids"],
                properties: { part_ids: { type: "array", items: { type: "string" } } },
              },
            },
          },
        },
        responses,
      },
    },
    "/uploads/{upload_id}/parts": { post: { operationId: "addUploadPart", parameters: [upload_id], responses } },
  },
};

test("if the contract has several operations, --operation chooses one, and --body gives its body", async () => {
  const bodies: Promise<string>[] = [];
  await using server = await serve((request, response) => {
    bodies.push(text(request).finally(() => response.end()));
  });
  expect((await verifyAt(server, ["upload_abc123"], contractOfTwo)).output).toBe(
    "Choose one operation of the contract with --operation: completeUpload, addUploadPart.",
  );
  const complete = ["--operation", "completeUpload", "upload_abc123", "--body"];
  expect((await verifyAt(server, [...complete, '{"part_ids":5}'], contractOfTwo)).output).toBe(
    "Give the body that the contract describes with --body '{…}': part_ids must be array.",
  );
  expect(bodies).toHaveLength(0);

  expect(await verifyAt(server, [...complete, '{"part_ids":["part_1"]}'], contractOfTwo)).toMatchObject({
    exitCode: 0,
  });
  expect(await verifyAt(server, ["--operation", "addUploadPart", "upload_abc123"], contractOfTwo)).toMatchObject({
    exitCode: 0,
  });
  expect(await Promise.all(bodies)).toEqual(['{"part_ids":["part_1"]}', ""]);
});

test("npm run contract:verify prints the result, and exits with its code", async () => {
  await using server = await serve(answer(404, refusal));
  const { exitCode, stdout } = await run(
    process.execPath,
    ["--import", "tsx", "scripts/contract/verify.ts", "--operation", "cancelUpload", "upload_abc123"],
    { env: { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: server.url } },
  );
  expect(stdout).toContain("answered 404, as the contract says.");
  expect(exitCode).toBe(3);
});
