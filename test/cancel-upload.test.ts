import { describe, expect, inject, test, vi } from "vitest";
import {
  type CancelUploadResult,
  cancelOnFailure,
  cancelUpload,
  cancelUploads,
  InvalidResponseError,
} from "../src/index.js";
import { clientOf } from "./support/client.js";
import { cancelledUpload, documentedErrors } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { cancelling, json, serve } from "./support/server.js";

const prism = clientOf({ url: inject("prismUrl") });

test("a cancel resolves to the cancelled Upload", async () => {
  expect(await cancelUpload(prism, "upload_abc123")).toEqual(cancelledUpload);
});

describe("each error in the contract is an ApiError with its fields", () => {
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

describe("a cancel never resolves for", () => {
  const upload = { id: "upload_abc123", object: "upload", status: "cancelled" };
  test.for([
    ["an empty body", 200, ""],
    ["204", 204, undefined],
    ["an HTML page", 200, "<html>"],
    ["truncated JSON", 200, '{"id":"upload_abc123","status":"cancelled"'],
  ] as const)("%s", async ([, status, body]) => {
    await using server = await serve((_request, response) => response.writeHead(status).end(body));
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(error).toBeInstanceOf(InvalidResponseError);
    expect(error).toMatchObject({ status, attempts: 1 });
  });

  test("another Upload, and the error names both", async () => {
    await using server = await serve(json(200, { ...upload, id: "upload_other" }));
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(error).toBeInstanceOf(InvalidResponseError);
    expect(error).toMatchObject({ status: 200, attempts: 1 });
    expect(String(error)).toMatch(
      /^InvalidResponseError: Cancelling upload_abc123 failed: 200, but not a cancelled Upload upload_abc123: .*upload_other/,
    );
    expect(server.requests).toHaveLength(1);
  });
});

describe("what can't be an ID is a TypeError, which says what it is, and nothing is sent", () => {
  const expected = 'must be a string without whitespace and control characters, other than "", "." and ".."';

  test.for<[unknown, string]>([
    ["", expected],
    [".", expected],
    ["..", expected],
    ["\ud800", expected],
    ["\ud800a", expected],
    ["upload_abc123\n", expected],
    [" upload_abc123", expected],
    ["upload\u0085abc123", expected],
    ["upload\0", expected],
    [undefined, `${expected}, but is undefined`],
    [null, `${expected}, but is null`],
    [5, `${expected}, but is a number`],
    [{ id: "upload_abc123" }, `${expected}, but is an object; pass its id`],
    [["upload_abc123"], `${expected}, but is an array`],
  ])("%j", async ([uploadId, message]) => {
    await using server = await serve(cancelling);
    const client = clientOf(server);
    const error = `TypeError: uploadId ${message}`;
    const work = vi.fn();
    expect(String(await rejection(Reflect.apply(cancelUpload, undefined, [client, uploadId])))).toBe(error);
    expect(String(await rejection(Reflect.apply(cancelOnFailure, undefined, [client, uploadId, work])))).toBe(error);
    const results: AsyncIterable<CancelUploadResult> = Reflect.apply(cancelUploads, undefined, [client, [uploadId]]);
    for await (const result of results) expect(String(result.error)).toBe(error);
    expect(work).not.toHaveBeenCalled();
    const params = { path: { upload_id: uploadId } };
    const posted: Promise<unknown> = Reflect.apply(client.POST, undefined, ["/uploads/{upload_id}/cancel", { params }]);
    expect(String(await rejection(posted))).toBe(`TypeError: upload_id ${message}`);
    expect(server.requests).toHaveLength(0);
  });
});

test.for(["a/b", "../models", "%2e%2e", "a?b#c", "a\\b", "ü💥", "{upload_id}", "$&"])(
  "the ID %j is one segment of the path",
  async (uploadId) => {
    await using server = await serve(cancelling);
    await cancelUpload(clientOf(server), uploadId);
    expect(server.requests.map(({ method, url }) => [method, url])).toEqual([
      ["POST", `/v1/uploads/${encodeURIComponent(uploadId)}/cancel`],
    ]);
  },
);
