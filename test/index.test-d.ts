import createOpenapiClient from "openapi-fetch";
import { describe, expectTypeOf, test } from "vitest";
import {
  type ApiError,
  type CancelledUpload,
  type Client,
  cancelUpload,
  type components,
  createClient,
  type OpenAIFile,
  type paths,
  type Upload,
} from "../src/index.js";

const client = createClient();

test("the status of a cancelled Upload is cancelled, and nothing else", () => {
  expectTypeOf(cancelUpload).returns.resolves.toEqualTypeOf<CancelledUpload>();
  expectTypeOf<CancelledUpload["status"]>().toEqualTypeOf<"cancelled">();
  expectTypeOf<CancelledUpload>().toExtend<Upload>();
});

test("the types are the contract's", () => {
  expectTypeOf(client).toEqualTypeOf<Client>();
  expectTypeOf<Upload>().toEqualTypeOf<components["schemas"]["Upload"]>();
  expectTypeOf<Upload["status"]>().toEqualTypeOf<"pending" | "completed" | "cancelled" | "expired">();
  expectTypeOf<Upload["file"]>().toEqualTypeOf<OpenAIFile | null | undefined>();
  expectTypeOf<Upload["object"]>().toEqualTypeOf<"upload" | undefined>();
  expectTypeOf<OpenAIFile["expires_at"]>().toEqualTypeOf<number | undefined>();
});

test("the code of an ApiError is one of the contract's, or any other string", () => {
  expectTypeOf<components["schemas"]["ErrorCode"]>().toExtend<NonNullable<ApiError["code"]>>();
  expectTypeOf<"a_new_code">().toExtend<NonNullable<ApiError["code"]>>();
  expectTypeOf<string>().not.toExtend<components["schemas"]["ErrorCode"]>();
});

test("onRetry can be any callback, whatever it returns", () => {
  const seen: unknown[] = [];
  createClient({ onRetry: (error) => seen.push(error) });
  createClient({ onRetry: async (error, delay) => seen.push(error.attempts, delay) });
});

test("the request ID is typed", () => {
  expectTypeOf<CancelledUpload["_request_id"]>().toEqualTypeOf<string | null | undefined>();
});

describe("it is a compile error", () => {
  test("to pass a client that createClient() didn't create", () => {
    // @ts-expect-error: a plain openapi-fetch client has no settings
    cancelUpload(createOpenapiClient<paths>(), "upload_abc123");
  });

  test("to call a path that the contract doesn't have", () => {
    // @ts-expect-error: no such path
    client.POST("/uploads/{upload_id}/cancle", { params: { path: { upload_id: "upload_abc123" } } });
    // @ts-expect-error: the path has no such method
    client.GET("/uploads/{upload_id}/cancel", { params: { path: { upload_id: "upload_abc123" } } });
  });

  test("to omit upload_id", () => {
    // @ts-expect-error: no params
    client.POST("/uploads/{upload_id}/cancel");
    // @ts-expect-error: no upload_id
    client.POST("/uploads/{upload_id}/cancel", { params: { path: {} } });
    // @ts-expect-error: no uploadId
    cancelUpload(client);
    // @ts-expect-error: an ID is a string
    cancelUpload(client, 5);
  });
});
