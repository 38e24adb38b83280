import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cancelUpload, InvalidResponseError } from "../src/index.js";
import { clientOf } from "./support/client.js";
import { cancelledUpload } from "./support/contract.js";
import { cancelling, json, type Server, serve } from "./support/server.js";

/** The body of each response; undefined for a cancelled Upload. */
let responseBody: unknown;
let server: Server;

beforeAll(async () => {
  server = await serve((request, response) => {
    if (responseBody === undefined) cancelling(request, response);
    else json(200, responseBody)(request, response);
  });
});

afterAll(() => server[Symbol.asyncDispose]());

/** Any string, often with characters that have a meaning in a URL or a header. */
const anyString = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme-ascii" }),
  fc.string({
    unit: fc.constantFrom(".", "/", "\\", "%2e", "%2f", "?", "#", " ", "\t", "\r", "\n", "\0", "é", "\ud800", "a"),
  }),
);

/** How the call settled, and the requests it sent. */
async function outcomeOf(call: () => Promise<unknown>) {
  const before = server.requests.length;
  const outcome = await call().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  return { ...outcome, requests: server.requests.slice(before) };
}

test("any string as uploadId is either one segment of the path, or a TypeError before anything is sent", async () => {
  responseBody = undefined;
  const client = clientOf(server);
  await fc.assert(
    fc.asyncProperty(anyString, async (uploadId) => {
      const outcome = await outcomeOf(() => cancelUpload(client, uploadId));
      if ("error" in outcome) {
        expect(outcome.error).toBeInstanceOf(TypeError);
        expect(outcome.requests).toHaveLength(0);
      } else {
        const [, segment = ""] = /^\/v1\/uploads\/([^/?#]+)\/cancel$/.exec(outcome.requests[0]?.url ?? "") ?? [];
        expect(decodeURIComponent(segment)).toBe(uploadId);
        expect(outcome.requests).toHaveLength(1);
      }
    }),
    { numRuns: 500 },
  );
});

test("any string as the key is either sent unchanged except for whitespace around it, or a TypeError that doesn't show it", async () => {
  responseBody = cancelledUpload;
  await fc.assert(
    fc.asyncProperty(anyString, async (apiKey) => {
      const outcome = await outcomeOf(async () => cancelUpload(clientOf(server, { apiKey }), "upload_abc123"));
      if ("error" in outcome) {
        expect(outcome.error).toBeInstanceOf(TypeError);
        // One or two characters can occur in any sentence.
        if (apiKey.length > 2) expect(String(outcome.error)).not.toContain(apiKey);
        expect(outcome.requests).toHaveLength(0);
      } else {
        expect(outcome.requests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${apiKey.trim()}`]);
      }
    }),
    { numRuns: 500 },
  );
});

test("no JSON value as the body of a 200 resolves, except this Upload, cancelled", async () => {
  const client = clientOf(server);
  const almostUpload = fc.record(
    {
      id: fc.oneof(fc.constant("upload_abc123"), fc.string(), fc.jsonValue()),
      object: fc.oneof(fc.constantFrom("upload", "batch"), fc.jsonValue()),
      status: fc.oneof(fc.constantFrom("cancelled", "pending", "completed", "expired", "Cancelled"), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  const isCancelledUpload = fc.record({ id: fc.constant("upload_abc123"), status: fc.constant("cancelled") });
  await fc.assert(
    fc.asyncProperty(fc.oneof(almostUpload, isCancelledUpload, fc.jsonValue()), async (body) => {
      responseBody = body;
      const outcome = await outcomeOf(() => cancelUpload(client, "upload_abc123"));
      const sent: unknown = JSON.parse(JSON.stringify(body));
      if ("error" in outcome) {
        expect(outcome.error).toBeInstanceOf(InvalidResponseError);
        expect(outcome.error).toHaveProperty("body", sent);
      } else {
        expect(outcome.value).toEqual(sent);
        expect(outcome.value).toMatchObject({ id: "upload_abc123", status: "cancelled" });
        expect(["upload", undefined]).toContain(Reflect.get(Object(outcome.value), "object"));
      }
    }),
    { numRuns: 500 },
  );
});
