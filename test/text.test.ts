import { expect, test } from "vitest";
import {
  ApiError,
  cancelOnFailure,
  cancelUpload,
  cancelUploads,
  createClient,
  InvalidResponseError,
} from "../src/index.js";
import { excerpt, oneLine, showBody } from "../src/text.js";
import { clientOf } from "./support/client.js";
import { rejection } from "./support/rejection.js";
import { collect } from "./support/results.js";
import { inTurn, json, serve } from "./support/server.js";

test.for<[string, string, string]>([
  ["300 characters are shown in full", "m".repeat(296), "m".repeat(296)],
  ["a longer one is truncated", "m".repeat(297), `${"m".repeat(296)}…`],
  [
    "a long message in JSON is truncated as well",
    JSON.stringify({ error: { message: "m".repeat(500_000) } }),
    `${"m".repeat(296)}…`,
  ],
  ["line breaks and other whitespace become one space", " No such\r\n\tUpload", "No such Upload"],
  ["an empty body is mentioned", "", "(empty body)"],
  [
    "what changes the direction of text, or has no width, is left out",
    "no\u202e daolpU\u200b\u2066 here",
    "no daolpU here",
  ],
  ["terminal commands are left out", "no \u001b]0;title\u0007\u009b31mUpload", "no ]0;title 31mUpload"],
])("in the message of an error: %s", async ([, body, shown]) => {
  await using server = await serve((_request, response) => response.writeHead(400).end(body));
  const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
  expect(String(error)).toBe(`ApiError: Cancelling upload_abc123 failed: 400 ${shown} (attempts: 1)`);
});

test("a message shows at most 300 characters of a cause, a location, a request ID or an upload ID", async () => {
  const long = "x".repeat(5_000);
  const fetch = () => Promise.reject(new Error(long));
  await using server = await serve(
    inTurn(json(307, {}, { location: `/${long}` }), json(404, {}, { "x-request-id": long })),
  );
  for (const options of [{ fetch }, { baseUrl: server.url }, { baseUrl: server.url }]) {
    const client = createClient({ apiKey: "sk-test", maxRetries: 0, ...options });
    const { message } = Object(await rejection(cancelUpload(client, "upload_abc123")));
    expect(message).toMatch(/x{200,300}…/);
    expect(message.length).toBeLessThan(450);
  }

  const client = createClient({ apiKey: "sk-test", fetch: async () => Response.json({}) });
  for (const length of [1_000, 1024 * 1024]) {
    const { message } = Object(await rejection(cancelUpload(client, "x".repeat(length))));
    expect(message).toMatch(/^Cancelling x{300}… failed: /);
    expect(message.length).toBeLessThan(700);
  }
});

test("an ApiError keeps a body that isn't JSON as text, and its message shows the start of it", async () => {
  const body = `upstream connect error\n${"or disconnect/reset before headers ".repeat(20)}`;
  await using server = await serve((_request, response) => response.writeHead(502).end(body));
  const error = await rejection(cancelUpload(clientOf(server, { maxRetries: 0 }), "upload_abc123"));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 502, body, code: null, type: null, param: null, requestId: null });
  expect(String(error)).toMatch(
    /^ApiError: Cancelling upload_abc123 failed: 502 upstream connect error or disconnect.{1,300}… \(attempts: 1\)$/,
  );
});

test.for([
  ["nginx", "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>", '(an HTML page: "502 Bad Gateway")'],
  ["haproxy", "<html><body><h1>503 Service Unavailable</h1>\nNo server", '(an HTML page: "503 Service Unavailable")'],
  [
    "tinyproxy",
    '<?xml version="1.0" ?>\n<!DOCTYPE html>\n<html>\n<title>500\nUnable</title>',
    '(an HTML page: "500 Unable")',
  ],
  [
    "Cloudflare",
    '<!DOCTYPE html>\n<!--[if lt IE 7]> <html class="ie6"> <![endif]-->\n<title>Error</title>',
    '(an HTML page: "Error")',
  ],
  ["a page without a title", "<html><title> </title></html>", "(an HTML page)"],
  [
    "XML",
    "<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
    "<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
  ],
  ["half a megabyte of tags", `<html>${"<title".repeat(100_000)}`, "(an HTML page)"],
  ["half a megabyte of declarations", "<!>".repeat(150_000), `${"<!>".repeat(98)}<!…`],
] as const)("of a gateway's HTML page, a message shows the title or heading: %s", ([, body, shown]) => {
  expect(oneLine(excerpt(`404 ${showBody(body)}`)).slice(4)).toBe(shown);
});

test.for([200, 400])(
  "with status %d, JSON nested too deep for the stack is an error like any other",
  async (status) => {
    await using server = await serve((_request, response) =>
      response.writeHead(status).end("[".repeat(250_000) + "]".repeat(250_000)),
    );
    const error = await rejection(cancelUpload(clientOf(server), "upload_abc123"));
    expect(error).toBeInstanceOf(status === 200 ? InvalidResponseError : ApiError);
    expect(String(error)).toContain(status === 200 ? "failed: 200, but not a " : "failed: 400 ");
    expect(String(error)).toContain("JSON that is nested too deeply (attempts: 1)");
  },
);

test.for([
  ["has no prototype", Object.create(null), "object"],
  ["is a symbol", Symbol("no"), "Symbol(no)"],
] as const)("a thrown value that %s appears in messages, and hides no other error", async ([, thrown, text]) => {
  const client = createClient({ apiKey: "sk-test" });
  client.use({ onRequest: () => Promise.reject(thrown) });
  const { results } = await collect(cancelUploads(client, ["upload_1"]));
  expect(results).toHaveLength(1);
  expect(results[0]?.error).toMatchObject({ message: `Cancelling upload_1 failed: ${text}`, cause: thrown });

  const failure = new Error("part 7 failed");
  const error = await rejection(cancelOnFailure(client, "upload_1", () => Promise.reject(failure)));
  expect(error).toMatchObject({
    errors: [failure, thrown],
    message: expect.stringContaining(`cancelling it: ${text}`),
  });
});
