import { describe, expect, inject, test } from "vitest";
import { ApiError, cancelUpload, createClient, InvalidResponseError } from "../src/index.js";
import { cancelledUpload, documentedErrors } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { cancelling, json, serve } from "./support/server.js";

const prism = createClient({ baseUrl: inject("prismUrl"), apiKey: "sk-test" });

test("a cancel resolves to the cancelled Upload", async () => {
  expect(await cancelUpload(prism, "upload_abc123")).toEqual(cancelledUpload);
});

describe("each error that the contract documents is an ApiError with its fields", () => {
  test.for(documentedErrors.filter(({ status }) => status !== "default"))(
    "$status $name",
    async ({ status, name, error }) => {
      const headers = { prefer: `code=${status}, example=${name}` };
      expect(await rejection(cancelUpload(prism, "upload_abc123", { headers, maxRetries: 0 }))).toMatchObject({
        name: "ApiError",
        ...error,
        message: expect.stringContaining("Cancelling upload_abc123 failed: "),
        status: Number(status),
        body: { error },
        requestId: "req_6a1b0c2d3e4f",
        attempts: 1,
      });
    },
  );
});

test("without the authorization header the mock answers 401", async () => {
  const client = createClient({
    baseUrl: inject("prismUrl"),
    apiKey: "sk-test",
    fetch: (request) => {
      request.headers.delete("authorization");
      return fetch(request);
    },
  });
  expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({ name: "ApiError", status: 401 });
});

describe("it never resolves for", () => {
  const upload = { id: "upload_abc123", object: "upload", status: "cancelled" };
  test.for([
    ["a pending Upload", { ...upload, status: "pending" }],
    ["a completed Upload", { ...upload, status: "completed" }],
    ["a status that the contract doesn't have", { ...upload, status: "canceled" }],
    ["an Upload without a status", { ...upload, status: undefined }],
    ["a cancelled object that isn't an Upload", { ...upload, object: "batch" }],
    ["a cancelled Upload without an id", { ...upload, id: undefined }],
    ["an error with status 200", { error: { message: "no", type: "server_error", param: null, code: null } }],
    ["null", null],
    ["an array", [upload]],
    ["a string", "cancelled"],
  ] as const)("%s", async ([, body]) => {
    await using server = await serve(json(200, body));
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(error).toBeInstanceOf(InvalidResponseError);
    expect(error).toMatchObject({ status: 200, body: JSON.parse(JSON.stringify(body)), attempts: 1 });
  });

  test.for([
    ["an empty body", 200, ""],
    ["204", 204, undefined],
    ["an HTML page", 200, "<html>"],
    ["JSON that is cut short", 200, '{"id":"upload_abc123","status":"cancelled"'],
  ] as const)("%s", async ([, status, body]) => {
    await using server = await serve((_request, response) => response.writeHead(status).end(body));
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(error).toBeInstanceOf(InvalidResponseError);
    expect(error).toMatchObject({ status, attempts: 1 });
  });
});

test("an answer that isn't JSON is kept whole in the body of the ApiError, and cut in its message", async () => {
  const page = `<html>\n<h1>502 Bad Gateway</h1>${"<p>nginx</p>".repeat(100)}</html>`;
  await using server = await serve((_request, response) => response.writeHead(502).end(page));
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test", maxRetries: 0 });
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 502, body: page, code: null, type: null, param: null, requestId: null });
  expect(String(error)).toMatch(
    /^ApiError: Cancelling upload_abc123 failed: 502 <html> <h1>502 Bad Gateway.{1,300}… \(attempts: 1\)$/,
  );
});

describe("an id that would change the path is a TypeError, and nothing is sent", () => {
  test.for(["", ".", "..", "\ud800", "\ud800a", undefined, null, 5, {}, ["upload_abc123"]])("%j", async (uploadId) => {
    await using server = await serve(json(200, cancelledUpload));
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const error = await rejection(Reflect.apply(cancelUpload, undefined, [client, uploadId]));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('upload_id must be a well-formed string other than "", "." and ".."');
    expect(server.requests).toHaveLength(0);
  });
});

test.for(["a/b", "../models", "%2e%2e", "a?b#c", "a\\b", "ü 💥", "{upload_id}", "$&"])(
  "the id %j is one segment of the path",
  async (uploadId) => {
    await using server = await serve(cancelling);
    await cancelUpload(createClient({ baseUrl: server.url, apiKey: "sk-test" }), uploadId);
    expect(server.requests.map(({ method, url }) => [method, url])).toEqual([
      ["POST", `/v1/uploads/${encodeURIComponent(uploadId)}/cancel`],
    ]);
  },
);

test("an abort rejects with the signal's own reason", async () => {
  const controller = new AbortController();
  await using server = await serve(() => controller.abort("enough"));
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
  expect(await rejection(cancelUpload(client, "upload_abc123", { signal: controller.signal }))).toBe("enough");
});

test("an answer about another Upload is an InvalidResponseError that names both", async () => {
  await using server = await serve(json(200, { id: "upload_other", object: "upload", status: "cancelled" }));
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(error).toBeInstanceOf(InvalidResponseError);
  expect(error).toMatchObject({ status: 200, attempts: 1 });
  expect(String(error)).toMatch(
    /^InvalidResponseError: Cancelling upload_abc123 failed: 200, but not a cancelled Upload upload_abc123: .*upload_other/,
  );
  expect(server.requests).toHaveLength(1);
});

test("a middleware that reads the body without a clone causes an InvalidResponseError that says so", async () => {
  await using server = await serve(cancelling);
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
  client.use({ onResponse: async ({ response }) => void (await response.text()) });
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(error).toBeInstanceOf(InvalidResponseError);
  expect(String(error)).toContain(
    "200 with a body that was already read: a fetch or a middleware should read response.clone()",
  );
});

test("middleware that reads an error without a clone leaves it an ApiError", async () => {
  await using server = await serve(json(404, { error: { message: "No such Upload" } }));
  for (const read of [(response: Response) => response.text(), (response: Response) => response.json()]) {
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    client.use({ onResponse: async ({ response }) => void (await read(response)) });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({
      name: "ApiError",
      status: 404,
      attempts: 1,
      message: expect.stringContaining("404 No such Upload"),
    });
  }
});

test("an ID of a megabyte makes a message that is short", async () => {
  await using server = await serve(json(404, {}));
  const id = "u".repeat(1_000);
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test", fetch: async () => Response.json({}) });
  expect(String(await rejection(cancelUpload(client, "u".repeat(1024 * 1024)))).length).toBeLessThan(1_200);
  expect(String(await rejection(cancelUpload(client, id))).length).toBeLessThan(1_200);
});

test("a Response that a middleware gives before anything is sent counts too", async () => {
  await using server = await serve(cancelling);
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
  client.use({ onRequest: () => Response.json(cancelledUpload) });
  expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
  expect(server.requests).toHaveLength(0);
});

test("the Response that a middleware gives in place of the API's is the one that counts", async () => {
  await using server = await serve(cancelling);
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
  client.use({ onResponse: ({ request }) => Response.json({ id: request.url.split("/").at(-2), status: "pending" }) });
  expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({ body: { status: "pending" } });
});
