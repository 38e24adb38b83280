import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { type Client, cancelUpload, createClient } from "../src/index.js";
import { perform } from "../src/operation.js";
import { clientOf, post } from "./support/client.js";
import { cancelledUpload } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { cancelling, json, serve } from "./support/server.js";

const soon = { "retry-after-ms": "1" };

test("each attempt sends the same body", async () => {
  const bodies: string[] = [];
  await using server = await serve(async (request, response) => {
    bodies.push(Buffer.concat(await request.toArray()).toString());
    response.writeHead(bodies.length < 3 ? 500 : 200, soon).end();
  });
  const client = clientOf(server, { bodySerializer: () => "part_1, part_2" });
  const params = { path: { upload_id: "upload_abc123" } };
  await perform(client, {
    name: "Completing upload_abc123",
    expected: "completed Upload",
    send: (init) =>
      Reflect.apply(client.POST, undefined, ["/uploads/{upload_id}/cancel", { ...init, params, body: {} }]),
    accepts: (body) => body === "",
  });
  expect(bodies).toEqual(["part_1, part_2", "part_1, part_2", "part_1, part_2"]);
});

describe("a redirect is an InvalidResponseError, and isn't followed or retried", () => {
  test.for([300, 301, 302, 303, 304, 307, 308])("%d to another origin", async (status) => {
    await using other = await serve(cancelling);
    await using server = await serve(json(status, {}, { location: `${other.url}/elsewhere` }));
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(error).toMatchObject({ name: "InvalidResponseError", status, attempts: 1 });
    expect(String(error)).toContain(`redirect to ${other.url}/elsewhere, which was not followed`);
    expect((await post(clientOf(server))).response.status).toBe(status);
    expect(other.requests).toHaveLength(0);
    expect(server.requests).toHaveLength(2);
  });

  test.for<[string, RequestListener]>([
    ["has arrived", (_request, response) => void response.writeHead(307, { location: "/elsewhere" }).write("<p>")],
    ["never arrives", (_request, response) => response.writeHead(307, { location: "/elsewhere" }).flushHeaders()],
  ])("without waiting for its body, which %s", async ([, respond]) => {
    await using server = await serve(respond);
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(error).toMatchObject({ name: "InvalidResponseError", status: 307, body: "", attempts: 1 });
  });

  test("even if middleware replaced the Request", async () => {
    await using other = await serve(cancelling);
    await using server = await serve(json(307, {}, { location: other.url }));
    const client = createClient({ baseUrl: server.url, headers: { "x-api-key": "sk-secret-0123" } });
    client.use({ onRequest: ({ request: { url, method, headers } }) => new Request(url, { method, headers }) });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(String(error)).toContain(`307 redirect to ${other.url}, which was not followed`);
    expect(other.requests).toEqual([]);
  });

  test("even if a custom fetch has followed it", async () => {
    await using other = await serve(cancelling);
    await using server = await serve(json(307, {}, { location: `${other.url}/uploads/upload_abc123/cancel` }));
    const client = clientOf(server, { fetch: (request) => fetch(request, { redirect: "follow" }) });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({ name: "InvalidResponseError" });
  });

  test("even if its body can't be cancelled, as that of node-fetch 2", async () => {
    const response = { ok: false, status: 302, headers: new Headers({ location: "/elsewhere" }), body: {} };
    const client: Client = Reflect.apply(createClient, undefined, [{ apiKey: "sk-test", fetch: async () => response }]);
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(String(error)).toContain("302 redirect to /elsewhere, which was not followed");
  });

  test("even if a browser hides where it leads", async () => {
    const hidden = Object.defineProperty(Response.error(), "type", { value: "opaqueredirect" });
    const client = createClient({ apiKey: "sk-test", fetch: async () => hidden });
    const error = await rejection(cancelUpload(client, "upload_abc123"));
    expect(error).toMatchObject({ name: "InvalidResponseError", status: 0, attempts: 1 });
    expect(String(error)).toContain("failed: 0 redirect to an unknown place");
  });
});

test("a status that HTTP doesn't have is an InvalidResponseError that says so", async () => {
  const client = createClient({ apiKey: "sk-test", fetch: async () => Response.error() });
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(error).toMatchObject({ name: "InvalidResponseError", status: 0, attempts: 1 });
  expect(String(error)).toContain("failed: 0 is not an HTTP status (attempts: 1)");
});

test("the Response of a custom fetch is not modified", async () => {
  const response = Object.freeze(Response.json(cancelledUpload));
  const client = createClient({ apiKey: "sk-test", fetch: async () => response });
  expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
});

describe("middleware receives the response before its body has been read", () => {
  const text = JSON.stringify(cancelledUpload);
  const bytes = new TextEncoder().encode(text);

  test.for<[string, (response: Response) => unknown, unknown]>([
    ["text", (response) => response.clone().text(), text],
    ["json", (response) => response.clone().json(), cancelledUpload],
    ["arrayBuffer", (response) => response.clone().arrayBuffer(), bytes.buffer],
    ["blob", async (response) => (await response.clone().blob()).text(), text],
    ["body", (response) => new Response(response.clone().body).text(), text],
    ["two clones", (response) => Promise.all([response.clone().text(), response.clone().text()]), [text, text]],
    ["a new Response of it", (response) => new Response(response.clone().body, response).json(), cancelledUpload],
    ["bodyUsed", ({ bodyUsed }) => bodyUsed, false],
    ["status", ({ status }) => status, 200],
    ["url", ({ url }) => new URL(url).pathname, "/v1/uploads/upload_abc123/cancel"],
    ["headers", ({ headers }) => headers.get("x-request-id"), "req_1"],
  ])("%s", async ([, read, expected]) => {
    await using server = await serve(json(200, cancelledUpload, { "x-request-id": "req_1" }));
    const cancel = (client: Client) => cancelUpload(client, "upload_abc123");
    const plainPost = async (client: Client) => (await post(client)).data;
    for (const call of [cancel, plainPost]) {
      const client = clientOf(server);
      const seen = vi.fn(async ({ request, response }: { request: Request; response: Response }) => {
        expect(new Request(request).url).toContain(server.url);
        expect(response).toBeInstanceOf(Response);
        expect(await read(response)).toEqual(expected);
      });
      client.use({ onResponse: seen });
      expect(await call(client)).toEqual(cancelledUpload);
      expect(seen).toHaveBeenCalledTimes(1);
    }
  });
});

test("middleware that reads the body of a success without a clone causes an InvalidResponseError that says so", async () => {
  await using server = await serve(cancelling);
  const client = clientOf(server);
  client.use({ onResponse: async ({ response }) => void (await response.text()) });
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(error).toMatchObject({ name: "InvalidResponseError", status: 200 });
  expect(String(error)).toContain(
    "200 with a body that was already read: a fetch or a middleware should read response.clone()",
  );
});

test("middleware sees the URL of an error", async () => {
  await using server = await serve(json(404, {}));
  const client = clientOf(server);
  const seen = vi.fn();
  client.use({ onResponse: ({ response }) => seen(response.url) });
  await rejection(cancelUpload(client, "upload_abc123"));
  expect(seen.mock.calls).toEqual([[`${server.url}/uploads/upload_abc123/cancel`]]);
});

test("middleware can read the body of an error without a clone", async () => {
  await using server = await serve(json(404, { error: { message: "No such Upload" } }));
  for (const read of [(response: Response) => response.text(), (response: Response) => response.json()]) {
    const client = clientOf(server);
    client.use({ onResponse: async ({ response }) => void (await read(response)) });
    expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({
      name: "ApiError",
      status: 404,
      attempts: 1,
      message: expect.stringContaining("404 No such Upload"),
    });
  }
});

test("middleware can respond in place of the API, and nothing is sent", async () => {
  await using server = await serve(cancelling);
  const client = clientOf(server);
  client.use({ onRequest: () => Response.json(cancelledUpload) });
  expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
  expect(server.requests).toHaveLength(0);
});

test("middleware can replace the API's response", async () => {
  await using server = await serve(cancelling);
  const client = clientOf(server);
  client.use({ onResponse: ({ request }) => Response.json({ id: request.url.split("/").at(-2), status: "pending" }) });
  expect(await rejection(cancelUpload(client, "upload_abc123"))).toMatchObject({ body: { status: "pending" } });
});

describe("with and without middleware, a call settles in the same way for", () => {
  const raw = (head: string, body = JSON.stringify(cancelledUpload)) => {
    return ({ socket }: { socket: Socket }) => void socket.end(`HTTP/1.1 ${head}\r\nconnection: close\r\n\r\n${body}`);
  };

  test.concurrent.for<[string, RequestListener, unknown]>([
    ["a cancelled Upload", cancelling, cancelledUpload],
    ["a status text that no Response can have", raw("200 ✓ \x01 OK"), cancelledUpload],
    ["an error with content-length: 0", raw("403 No\r\ncontent-length: 0", ""), { name: "ApiError", body: "" }],
    ["204", (_request, response) => response.writeHead(204).end(), { name: "InvalidResponseError", body: "" }],
    ["a status that HTTP doesn't have", raw("999 Odd"), { name: "InvalidResponseError", status: 999, attempts: 1 }],
    [
      "a Retry-After followed by whitespace",
      raw("429 No\r\nretry-after: 180 \t", ""),
      { name: "ApiError", retryAfter: 180_000, attempts: 1 },
    ],
    [
      "an x-should-retry followed by whitespace",
      raw("503 No\r\nx-should-retry: false \t", ""),
      { name: "ApiError", attempts: 1 },
    ],
  ])("%s", async ([, respond, expected], { expect }) => {
    await using server = await serve(respond);
    const withMiddleware = clientOf(server);
    withMiddleware.use({ onRequest: () => undefined });
    for (const client of [clientOf(server), withMiddleware]) {
      const settled = await cancelUpload(client, "upload_abc123").catch((error: unknown) => error);
      expect(settled).toEqual(expect.objectContaining(expected));
    }
  });
});
