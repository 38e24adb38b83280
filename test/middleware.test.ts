import { expect, test } from "vitest";
import { cancelOnFailure, cancelUpload, cancelUploads, createClient, type Middleware } from "../src/index.js";
import { rejection } from "./support/rejection.js";
import { json, serve } from "./support/server.js";

test.for([
  ["has no prototype", Object.create(null), "object"],
  ["is a symbol", Symbol("no"), "Symbol(no)"],
] as const)("a thrown value that %s ends up in a result, and hides no other error", async ([, thrown, text]) => {
  const client = createClient({ apiKey: "sk-test" });
  client.use({ onRequest: () => Promise.reject(thrown) });
  for await (const { error } of cancelUploads(client, ["upload_1"])) {
    expect(error).toMatchObject({ message: `Cancelling upload_1 failed: ${text}`, cause: thrown });
  }
  const failure = new Error("part 7 failed");
  const error = await rejection(cancelOnFailure(client, "upload_1", () => Promise.reject(failure)));
  expect(error).toMatchObject({
    errors: [failure, thrown],
    message: expect.stringContaining(`cancelling it: ${text}`),
  });
});

test("a key function that throws a symbol ends a run", async () => {
  const client = createClient({ apiKey: () => Promise.reject(Symbol("no")) });
  const results = cancelUploads(client, ["upload_1", "upload_2"], { concurrency: 1 });
  expect((await results.next()).value?.error?.message).toBe("apiKey() failed: Symbol(no)");
  await expect(results.next()).rejects.toThrow("apiKey() failed");
});

test("a redirect isn't followed, even for a Request that middleware created", async () => {
  await using other = await serve(json(200, {}));
  await using server = await serve(json(307, {}, { location: other.url }));
  const client = createClient({ baseUrl: server.url, headers: { "x-api-key": "sk-secret-0123" } });
  const replace: Middleware = {
    onRequest: ({ request: { url, method, headers } }) => new Request(url, { method, headers }),
  };
  client.use(replace);
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(String(error)).toContain(`307 redirect to ${other.url}, which was not followed`);
  expect(other.requests).toEqual([]);
});

test("a Response-like object with plain headers is as good as any", async () => {
  const upload = { id: "upload_abc123", status: "cancelled" };
  const respond = (status: number) => async () => ({
    ok: status < 300,
    status,
    headers: { location: "/", "retry-after": "0" },
    body: { cancel: () => {} },
    text: async () => JSON.stringify(upload),
  });
  const cancel = (status: number) =>
    cancelUpload(
      Reflect.apply(createClient, undefined, [{ apiKey: "sk-test", fetch: respond(status), maxRetries: 0 }]),
      "upload_abc123",
    );
  expect(await cancel(200)).toEqual(upload);
  expect(await rejection(cancel(302))).toMatchObject({ name: "InvalidResponseError", status: 302 });
  expect(await rejection(cancel(429))).toMatchObject({ name: "ApiError", status: 429, retryAfter: 0 });
});

test("a short maxWait limits what the API can ask for, not the client's own delays", async () => {
  await using server = await serve((request, response) =>
    json(server.requests.length === 1 ? 500 : 200, { id: "upload_abc123", status: "cancelled" })(request, response),
  );
  const client = createClient({ baseUrl: server.url, apiKey: "sk-test", maxWait: 0 });
  expect(await cancelUpload(client, "upload_abc123")).toMatchObject({ status: "cancelled" });
});
