import { expect, test } from "vitest";
import { cancelledUpload } from "../support/contract.js";
import { copyOfRepository } from "../support/copy.js";
import { type Ended, run } from "../support/run.js";
import { inTurn, json, serve } from "../support/server.js";

function verify(args: string[], env: Record<string, string>, cwd = "."): Promise<Ended> {
  return run(process.execPath, ["--import", "tsx", "scripts/contract/verify.ts", ...args], { env, cwd });
}

const upload = Object(cancelledUpload);
const refusal = { error: { message: "no", type: "invalid_request_error", param: null, code: null } };

test.for([
  ["a cancelled Upload", json(200, upload)],
  ["an error that the contract documents", json(404, refusal)],
] as const)("%s is as the contract says, and exits with 0", async ([, answer]) => {
  await using server = await serve(answer);
  const { exitCode, stdout } = await verify(["upload_abc123"], {
    OPENAI_API_KEY: "sk-test",
    OPENAI_BASE_URL: server.url,
  });
  expect(stdout).toMatch(/^http:\S+ answered \d+, as the contract says\.\n$/);
  expect(exitCode).toBe(0);
  expect(server.requests.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
    ["POST", "/v1/uploads/upload_abc123/cancel", "Bearer sk-test"],
  ]);
});

test.for([
  ["a missing field", json(200, { ...upload, filename: undefined }), ["required property 'filename'"]],
  [
    "two fields of a wrong type",
    json(200, { ...upload, bytes: "5", id: 5 }),
    ["property bytes must be integer", "property id must be string"],
  ],
  [
    "an unknown status of the Upload",
    json(200, { ...upload, status: "canceled" }),
    ["property status must be equal to one of"],
  ],
  ["a status code that only `default` documents", json(418, refusal), ["doesn't name the status 418"]],
  [
    "a status code of success that only `default` documents",
    json(202, upload),
    ["doesn't name the status 202", "required property 'error'"],
  ],
  ["501, in whose stead Prism answers with the contract's example", json(501, refusal), ["the status 501"]],
  [
    "an HTML page",
    json(200, "<html>", { "content-type": "text/html" }),
    ['media type "text/html" does not match', "body must be object"],
  ],
  [
    "an HTML page with an error",
    json(502, "<html>", { "content-type": "text/html" }),
    ["doesn't name the status 502", 'media type "text/html" does not match', "body must be object"],
  ],
  [
    "JSON that is cut short",
    inTurn((_request, response) => response.writeHead(200, { "content-type": "application/json" }).end('{"id":')),
    ["invalid json response body"],
  ],
] as const)("%s is listed, and exits with 1", async ([, answer, departures]) => {
  await using server = await serve(answer);
  const { exitCode, stdout } = await verify(["upload_abc123"], {
    OPENAI_API_KEY: "sk-test",
    OPENAI_BASE_URL: server.url,
  });
  const [first, ...list] = stdout.trimEnd().split("\n");
  expect(first).toMatch(/answered \d+\. What departs from the contract:$/);
  expect(list).toHaveLength(departures.length);
  for (const departure of departures) expect(stdout).toContain(departure);
  expect(exitCode).toBe(1);
  expect(server.requests).toHaveLength(1);
});

test("a request that departs from the contract is not sent, but listed", async () => {
  await using server = await serve(json(200, upload));
  using copy = copyOfRepository();
  copy.edit(
    "      parameters:\n",
    "      parameters:\n        - { name: x-new, in: header, required: true, schema: { type: string } }\n",
  );
  const env = { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url };
  const { exitCode, stdout } = await verify(["upload_abc123"], env, copy.folder);
  expect(stdout).toBe(
    "Nothing was sent. What departs from the contract:\n- Request header must have required property 'x-new'\n",
  );
  expect(exitCode).toBe(1);
  expect(server.requests).toHaveLength(0);
});

test("the key is not shown, not even where the server repeats it", async () => {
  await using server = await serve((request, response) =>
    response.writeHead(200, { "content-type": `text/${request.headers.authorization?.split(" ")[1]}` }).end(),
  );
  const { exitCode, stdout } = await verify(["upload_abc123"], {
    OPENAI_API_KEY: "sk-secret",
    OPENAI_BASE_URL: server.url,
  });
  expect(stdout).toContain("text/[OPENAI_API_KEY]");
  expect(stdout).not.toContain("sk-secret");
  expect(exitCode).toBe(1);
});

test.for([
  ["no Upload is named", [], {}, "Name the Upload to cancel: npm run contract:verify -- upload_…"],
  ["there is no key", ["upload_abc123"], { OPENAI_API_KEY: "" }, "Set OPENAI_API_KEY to the key"],
  ["the id can't be sent", [".."], {}, 'upload_id must be a well-formed string other than "", "." and ".."'],
  ["there is no server", ["upload_abc123"], {}, "connect ECONNREFUSED"],
  ["the server's address is none", ["upload_abc123"], { OPENAI_BASE_URL: "nowhere" }, "Invalid upstream URL"],
] as const)("where %s, it says what to do, and exits with 2", async ([, args, env, sentence]) => {
  const { exitCode, stdout } = await verify([...args], {
    OPENAI_API_KEY: "sk-test",
    OPENAI_BASE_URL: "http://127.0.0.1:9/v1",
    ...env,
  });
  expect(stdout).toContain(sentence);
  expect(exitCode).toBe(2);
});
