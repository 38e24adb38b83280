import type { RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { readContract } from "../../scripts/contract/contract.js";
import type { Outcome } from "../../scripts/contract/redocly.js";
import { verify } from "../../scripts/contract/verify.js";
import { cancelledUpload } from "../support/contract.js";
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

function verifyAt(server: Server, args: string[] = ["upload_abc123"], of = contract): Promise<Outcome> {
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

const CREATED = /^\/v1\/uploads$/;

/** Creates an Upload named upload_abc123, and answers its cancels in turn. */
function uploads(...cancels: RequestListener[]): RequestListener {
  const cancel = inTurn(...cancels);
  const created = answer(200, { ...upload, status: "pending" });
  return (request, response) => (CREATED.test(request.url ?? "") ? created : cancel)(request, response);
}

test("without an ID, it creates an Upload of one byte, and cancels that", async () => {
  const bodies: Promise<string>[] = [];
  const respond = uploads(answer(200, upload));
  await using server = await serve((request, response) => {
    bodies.push(text(request));
    respond(request, response);
  });
  for (const args of [[], ["--operation", "cancelUpload"]]) {
    expect(await verifyAt(server, args)).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining("answered 200"),
    });
  }
  expect(server.requests.slice(0, 2).map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
    ["POST", "/v1/uploads", `Bearer ${KEY}`],
    ["POST", "/v1/uploads/upload_abc123/cancel", `Bearer ${KEY}`],
  ]);
  expect(JSON.parse((await bodies[0]) ?? "")).toMatchObject({ bytes: 1 });
  const created: string[] = [];
  await verify(contract, [], { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: server.url }, (text) => created.push(text));
  expect(created).toEqual(["Created the Upload upload_abc123 to cancel it"]);
});

test.for<[string, RequestListener, exitCode: number]>([
  ["a response that isn't as the contract says", answer(200, { ...upload, region: "eu" }), 1],
  ["an error", answer(500, refusal), 3],
  ["a lost connection", (_, response) => response.destroy(), 2],
])("after %s, the Upload that it created is cancelled again", async ([, first, exitCode]) => {
  await using server = await serve(uploads(first, answer(200, upload)));
  const verdict = await verifyAt(server, []);
  expect(verdict.output).not.toContain("pending");
  expect(verdict.exitCode).toBe(exitCode);
  expect(server.requests.map(({ url }) => url).filter((url) => url?.endsWith("/cancel"))).toHaveLength(2);
});

test("if the Upload that it created can't be cancelled, the output names it; if it isn't pending, that's fine", async () => {
  await using broken = await serve(uploads(answer(500, refusal)));
  expect(await verifyAt(broken, [])).toMatchObject({
    exitCode: 3,
    output: expect.stringMatching(/\nThe Upload upload_abc123 may still be pending\. .* within an hour\.$/),
  });
  await using cancelled = await serve(uploads(answer(200, { ...upload, region: "eu" }), answer(400, refusal)));
  expect((await verifyAt(cancelled, [])).output).not.toContain("may still be pending");
});

test.for<[string, RequestListener, string]>([
  [
    "refuses the key",
    answer(401, { error: { ...refusal.error, message: `no ${KEY}` } }),
    "failed: 401 no [OPENAI_API_KEY]",
  ],
  ["redirects", answer(307, {}, { location: "/elsewhere" }), "failed: 307"],
  ["fails", answer(500, refusal), "failed: 500 no"],
  ["has no ID for it", answer(200, {}), "the created Upload's id must be"],
])("an API that %s when it is asked for an Upload verifies nothing", async ([, listener, reason]) => {
  await using server = await serve(listener);
  const { exitCode, output } = await verifyAt(server, []);
  expect(output).toContain(reason);
  expect(exitCode).toBe(2);
  expect(server.requests).toHaveLength(1);
});

test.for<[string, RequestListener]>([
  ["its media type", (_, response) => response.writeHead(200, { "content-type": `text/${KEY}` }).end()],
  ["a field's name", answer(200, { ...upload, [KEY]: 1, [`${KEY.slice(0, 12)}…`]: 1 })],
  ["a body that isn't JSON", (_, response) => response.writeHead(200, { "content-type": "application/json" }).end(KEY)],
  [
    "10,000 fields",
    answer(200, Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`${KEY.slice(3)}${n}`, n]))),
  ],
])("no part of the key is shown, even if the server repeats it in %s", async ([, listener]) => {
  await using server = await serve(listener);
  const { exitCode, output } = await verifyAt(server);
  for (let start = 0; start + 6 <= KEY.length; start++) expect(output).not.toContain(KEY.slice(start, start + 6));
  expect(output.length).toBeLessThan(10_000);
  expect(exitCode).toBe(1);
});

test("the key is replaced as a whole", async () => {
  await using server = await serve((_, response) => response.writeHead(200, { "content-type": `text/${KEY}` }).end());
  expect((await verifyAt(server)).output).toContain(
    'The content-type is "text/[OPENAI_API_KEY]", not application/json',
  );
});

const COMMANDS = "\u001b]0;title\u0007\u009b31m\u202e\u2028\n";
test.for<[string, RequestListener]>([
  ["an ID", answer(200, { ...upload, id: COMMANDS })],
  ["a field's name", answer(200, { ...upload, [COMMANDS]: 1 })],
  ["a media type", (_, response) => response.writeHead(200, { "content-type": "text/\u009b31m" }).end()],
  ["a long ID", answer(200, { ...upload, id: "x".repeat(900_000) })],
])("%s that the server makes up can neither send commands to a terminal nor fill it", async ([, listener]) => {
  await using server = await serve(listener);
  const { exitCode, output } = await verifyAt(server);
  const [, list = ""] = output.split(":\n- ");
  expect(list).toMatch(/^\P{C}{10,400}$/u);
  expect(exitCode).toBe(1);
});

test("a body without end isn't read to its end", async () => {
  await using server = await serve((_, response) => {
    response.writeHead(200, { ...requestId, "content-type": "application/json" });
    const more = () => response.destroyed || response.write(" ".repeat(100_000), more);
    more();
  });
  expect(await verifyAt(server)).toMatchObject({ exitCode: 1, output: expect.stringContaining("a body over 1 MiB") });
});

test.for<[string, string[], Record<string, string>, string]>([
  [
    "two Uploads are named",
    ["upload_1", "upload_2"],
    {},
    "Give a value for each parameter: npm run contract:verify -- <upload_id>",
  ],
  ["there is no key", ["upload_abc123"], { OPENAI_API_KEY: "" }, "Set OPENAI_API_KEY to an API key."],
  [
    "the key can't be sent",
    ["upload_abc123"],
    { OPENAI_API_KEY: "sk-1\n2" },
    "apiKey must be visible ASCII characters",
  ],
  ["the ID can't be sent", [".."], {}, "upload_id must be "],
  ["there is no server", ["upload_abc123"], {}, "There was no response: connect ECONNREFUSED"],
  ["its address isn't a URL", ["upload_abc123"], { OPENAI_BASE_URL: "nowhere" }, "baseUrl must be an http(s) URL"],
  ["no Upload can be created", [], {}, "There is no Upload to cancel, because creating one failed: Connection error."],
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

const parts = {
  paths: {
    "/uploads/{upload_id}/parts": {
      post: {
        operationId: "addUploadPart",
        parameters: [upload_id],
        requestBody: {
          required: true,
          content: {
            "multipart/form-data": {
              schema: {
                type: "object",
                required: ["data"],
                properties: { data: { type: "string", format: "binary" }, index: { type: "integer" } },
              },
            },
          },
        },
        responses,
      },
    },
    "/uploads": {
      put: {
        operationId: "other",
        requestBody: { required: true, content: { "text/plain": { schema: {} } } },
        responses,
      },
    },
  },
};

test("the body of a form operation is sent as a form, and a file in it as a file", async () => {
  const bodies: Promise<string>[] = [];
  await using server = await serve((request, response) => {
    bodies.push(text(request).finally(() => response.end()));
  });
  const add = ["--operation", "addUploadPart", "upload_abc123", "--body"];
  expect((await verifyAt(server, [...add, "{}"], parts)).output).toBe(
    "Give the body that the contract describes with --body '{…}': The body must have required property 'data'.",
  );
  expect((await verifyAt(server, ["--operation", "other", "--body", "1"], parts)).output).toBe(
    "This can't send text/plain.",
  );
  expect(bodies).toHaveLength(0);

  expect(await verifyAt(server, [...add, '{"data":"the data","index":2}'], parts)).toMatchObject({ exitCode: 0 });
  expect(server.requests[0]?.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
  expect(await bodies[0]).toMatch(/name="data"; filename="blob"\r\nContent-Type: .*\r\n\r\nthe data\r\n/);
  expect(await bodies[0]).toMatch(/name="index"\r\n\r\n2\r\n/);
});
