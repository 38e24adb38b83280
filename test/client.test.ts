import { inspect } from "node:util";
import createOpenapiClient from "openapi-fetch";
import { afterEach, describe, expect, inject, test, vi } from "vitest";
import { type Client, type ClientOptions, cancelUpload, cancelUploads, createClient } from "../src/index.js";
import { clientOf, post } from "./support/client.js";
import { cancelledUpload } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { cancelling, serve } from "./support/server.js";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

test("a plain POST is openapi-fetch's own, with the key", async () => {
  const { data, error, response } = await post(clientOf({ url: inject("prismUrl") }));
  expect(data).toEqual(cancelledUpload);
  expect(error).toBeUndefined();
  // A real Response, whose status is not an own property.
  expect(Reflect.getOwnPropertyDescriptor(Response.prototype, "status")?.get?.call(response)).toBe(200);
});

test("the key is sent even by a fetch that comes with a plain POST", async () => {
  const sent: Request[] = [];
  await post(createClient({ apiKey: "sk-test" }), {
    fetch: async (request) => {
      sent.push(request);
      return Response.json(cancelledUpload);
    },
  });
  expect(sent[0]?.headers.get("authorization")).toBe("Bearer sk-test");
});

test("the key, the organization and the project are sent in the API's headers", async () => {
  await using server = await serve(cancelling);
  const client = clientOf(server, { organization: "org-1", project: "proj_1" });
  await cancelUpload(client, "upload_abc123");
  expect(server.requests[0]?.headers).toMatchObject({
    authorization: "Bearer sk-test",
    "openai-organization": "org-1",
    "openai-project": "proj_1",
  });
});

test("missing options come from the environment", async () => {
  await using server = await serve(cancelling);
  vi.stubEnv("OPENAI_API_KEY", "sk-environment");
  vi.stubEnv("OPENAI_BASE_URL", server.url);
  vi.stubEnv("OPENAI_ORG_ID", "org-environment");
  vi.stubEnv("OPENAI_PROJECT_ID", "proj_environment");
  const client = createClient();
  await cancelUpload(client, "upload_abc123");
  expect(server.requests[0]?.headers).toMatchObject({
    authorization: "Bearer sk-environment",
    "openai-organization": "org-environment",
    "openai-project": "proj_environment",
  });
});

describe("with apiKey: null, no key is sent, because a server of your own adds it", () => {
  test("even if the environment has one", async () => {
    await using server = await serve(cancelling);
    vi.stubEnv("OPENAI_API_KEY", "sk-environment");
    const client = clientOf(server, { apiKey: null });
    expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
    await post(client);
    for (const { headers } of server.requests) expect(headers).not.toHaveProperty("authorization");
    expect(server.requests).toHaveLength(2);
  });

  test("but a header of the caller is", async () => {
    await using server = await serve(cancelling);
    const client = clientOf(server, { apiKey: null, headers: { authorization: "Session 123456" } });
    await cancelUpload(client, "upload_abc123");
    expect(server.requests[0]?.headers.authorization).toBe("Session 123456");
  });
});

describe("in a page, baseUrl can be relative", () => {
  test.for([
    ["/api", "https://shop.example/api"],
    ["api/openai/", "https://shop.example/admin/api/openai"],
  ])("%s", async ([baseUrl, expected]) => {
    vi.stubGlobal("location", new URL("https://shop.example/admin/?tab=files#top"));
    const sent: string[] = [];
    const fetch = async ({ url }: Request) => {
      sent.push(url);
      return Response.json(cancelledUpload);
    };
    await cancelUpload(createClient({ apiKey: null, baseUrl, fetch }), "upload_abc123");
    expect(sent).toEqual([`${expected}/uploads/upload_abc123/cancel`]);
  });

  test("but not empty, as an unset variable is", () => {
    vi.stubGlobal("location", new URL("https://shop.example/"));
    expect(() => createClient({ baseUrl: "" })).toThrow("baseUrl must be an http(s) URL");
  });

  test("and where there is no page, it must be absolute", () => {
    expect(() => createClient({ baseUrl: "/api" })).toThrow("baseUrl must be an http(s) URL");
  });
});

test.for(["?a=1", "#v1"])("a baseUrl with %s is a TypeError", (end) => {
  const expected = "baseUrl must be a URL without a user, query or fragment";
  expect(() => createClient({ baseUrl: `https://gateway.example/v1${end}` })).toThrow(expected);
});

describe("an option whose name differs from a known one only in case, - or _ is a TypeError that names the right one", () => {
  test.for([
    ["baseURL", "baseUrl"],
    ["base_url", "baseUrl"],
    ["api_key", "apiKey"],
    ["apikey", "apiKey"],
    ["max-retries", "maxRetries"],
    ["Headers", "headers"],
  ] as const)("%s", async ([name, known]) => {
    const error = `${name} is not an option; use ${known}`;
    expect(() => createClient({ [name]: "x" })).toThrow(new TypeError(error));
  });

  test("also among the options of a call and of a run", async () => {
    const client = createClient({ apiKey: "sk-test" });
    const call: Promise<unknown> = Reflect.apply(cancelUpload, undefined, [client, "upload_1", { maxretries: 0 }]);
    expect(String(await rejection(call))).toBe("TypeError: maxretries is not an option; use maxRetries");
    const results: AsyncGenerator = Reflect.apply(cancelUploads, undefined, [client, [], { Concurrency: 2 }]);
    expect(String(await rejection(results.next()))).toBe("TypeError: Concurrency is not an option; use concurrency");
  });

  test("also if it's inherited, and so is its value", () => {
    const inherited = (options: object) => () => createClient(Object.create(options));
    expect(inherited({ baseURL: "x" })).toThrow("baseURL is not an option; use baseUrl");
    expect(inherited({ maxRetries: Number.NaN })).toThrow("maxRetries must be a whole number");
  });

  test("but an option that is the platform's passes", () => {
    expect(() => createClient({ apiKey: "sk-test", keepalive: true, cache: "no-store" })).not.toThrow();
  });
});

test("the client's signal aborts a plain POST, too", async () => {
  const controller = new AbortController();
  await using server = await serve(() => controller.abort(new Error("enough")));
  const client = clientOf(server, { signal: controller.signal });
  expect(await rejection(post(client))).toBe(controller.signal.reason);
});

test("a variable that contains only whitespace counts as unset", async () => {
  for (const name of ["OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"]) vi.stubEnv(name, " \n");
  const sent: Request[] = [];
  const fetch = async (request: Request) => {
    sent.push(request);
    return Response.json(cancelledUpload);
  };
  await cancelUpload(createClient({ apiKey: "sk-test", fetch }), "upload_abc123");
  expect(sent.map(({ url }) => url)).toEqual(["https://api.openai.com/v1/uploads/upload_abc123/cancel"]);
  expect([...(sent[0]?.headers.keys() ?? [])]).toEqual(["authorization"]);
});

test.for([undefined, null])("an option that is %j counts as missing", async (none) => {
  const fetch = async () => Response.json(cancelledUpload);
  const options = { apiKey: "sk-test", fetch, Request: none, credentials: none, requestInitExt: none };
  const client: Client = Reflect.apply(createClient, undefined, [options]);
  expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
  client.use({ onRequest: () => undefined });
  expect(await cancelUpload(client, "upload_abc123")).toEqual(cancelledUpload);
});

test.for([
  { name: "a function", apiKey: () => "sk-function" },
  { name: "an async function", apiKey: async () => "sk-function" },
])("the key can come from $name, which is called for each request", async ({ apiKey }) => {
  await using server = await serve(cancelling);
  const called = vi.fn(apiKey);
  const client = clientOf(server, { apiKey: called });
  expect(called).not.toHaveBeenCalled();
  await cancelUpload(client, "upload_abc123");
  await cancelUpload(client, "upload_abc123");
  expect(called).toHaveBeenCalledTimes(2);
  expect(server.requests[1]?.headers.authorization).toBe("Bearer sk-function");
});

describe("an authorization or api-key header replaces the API key", () => {
  test.for([{ authorization: "Bearer gateway" }, { "api-key": "azure" }])("%j", async (headers) => {
    await using server = await serve(cancelling);
    await cancelUpload(createClient({ baseUrl: server.url, headers }), "upload_abc123");
    await cancelUpload(clientOf(server), "upload_abc123", { headers });
    for (const request of server.requests) {
      expect(request.headers).toMatchObject(headers);
      expect(request.headers.authorization).not.toBe("Bearer sk-test");
    }
    expect(server.requests).toHaveLength(2);
  });
});

test("headers can have any form that fetch accepts, and null in a call removes the client's header", async () => {
  await using server = await serve(cancelling);
  for (const headers of [{ "x-form": "1" }, new Headers({ "x-form": "1" }), [["x-form", "1"]] as [string, string][]]) {
    const client = clientOf(server, { headers });
    await cancelUpload(client, "upload_abc123");
    await cancelUpload(client, "upload_abc123", { headers: { "x-form": null, "x-call": "2" } });
  }
  const sent = server.requests.map(({ headers }) => [headers["x-form"], headers["x-call"]]);
  expect(sent).toEqual(
    [1, 2, 3].flatMap(() => [
      ["1", undefined],
      [undefined, "2"],
    ]),
  );
});

test("without a key nothing is sent, and the error names OPENAI_API_KEY", async () => {
  await using server = await serve(cancelling);
  const cancel = cancelUpload(createClient({ baseUrl: server.url }), "upload_abc123");
  await expect(cancel).rejects.toThrow(TypeError);
  await expect(cancel).rejects.toThrow("There is no API key: pass apiKey, or set OPENAI_API_KEY");
  expect(server.requests).toHaveLength(0);
});

test.for([[123], [true], [["sk-test"]]])("the key %j is a TypeError, and nothing is sent", async ([key]) => {
  await using server = await serve(cancelling);
  expect(() => Reflect.apply(createClient, undefined, [{ apiKey: key }])).toThrow(TypeError);
  const client = Reflect.apply(createClient, undefined, [{ baseUrl: server.url, apiKey: () => key }]);
  const error = await rejection(cancelUpload(client, "upload_abc123"));
  expect(String(error)).toBe("TypeError: apiKey must be visible ASCII characters, without a space");
  expect(server.requests).toHaveLength(0);
});

describe("a key that can't be sent in a header is a TypeError that doesn't show it", () => {
  test.for(["sk-secret\r\nx: y", "sk- secret", "sk-secret\0", "sk-sécret", "“sk-secret”"])("%j", async (apiKey) => {
    expect(() => createClient({ apiKey })).toThrow(TypeError);
    expect(() => createClient({ apiKey })).not.toThrow(/s.cret/);

    await using server = await serve(cancelling);
    const cancel = cancelUpload(clientOf(server, { apiKey: () => apiKey }), "upload_abc123");
    await expect(cancel).rejects.toThrow(TypeError);
    await expect(cancel).rejects.not.toThrow(/s.cret/);
    expect(server.requests).toHaveLength(0);
  });

  test("in a header", () => {
    const create = () => createClient({ headers: { authorization: "Bearer sk-secret\n\n." } });
    expect(create).toThrow(new TypeError("headers must have names and values that HTTP allows"));
  });
});

test.for([
  "",
  "api.openai.com/v1",
  "ftp://api.openai.com",
  "https://user:secret@api.openai.com",
  "https://api.openai.com/v1?a",
  "blob:https://api.openai.com/v1",
  "/v1",
  "http://127.0.0.1:99999/v1",
  "http://[::1",
  "http://a b/",
])("the baseUrl %j is a TypeError that says what was expected", (baseUrl) => {
  expect(() => createClient({ apiKey: "sk-test", baseUrl })).toThrow(
    /^baseUrl must be an? (http\(s\) URL, such as|URL without a user, query or fragment$)/,
  );
});

test("inspecting the client doesn't show the key", () => {
  const client = createClient({ apiKey: "sk-secret" });
  expect(inspect(client, { depth: null, showHidden: true })).not.toContain("sk-secret");
});

test.for([false, true])(
  "a request has the client's options, with middleware (%j) or without",
  async (hasMiddleware) => {
    const sent: Request[] = [];
    const client = createClient({
      apiKey: "sk-test",
      keepalive: true,
      credentials: "omit",
      headers: { "x-team": "search" },
      fetch: async (request) => {
        sent.push(request);
        return Response.json(Object.assign({}, cancelledUpload, { id: "upload_ä/b" }));
      },
    });
    const seen: Request[] = [];
    if (hasMiddleware) client.use({ onRequest: ({ request }) => void seen.push(request) });
    await cancelUpload(client, "upload_ä/b", { headers: { "x-call": "1" } });

    expect(seen.length).toBe(hasMiddleware ? 1 : 0);
    expect(sent).toMatchObject([
      {
        method: "POST",
        url: "https://api.openai.com/v1/uploads/upload_%C3%A4%2Fb/cancel",
        keepalive: true,
        credentials: "omit",
        redirect: "manual",
      },
    ]);
    expect(Object.fromEntries(sent[0]?.headers ?? [])).toEqual({
      authorization: "Bearer sk-test",
      "x-call": "1",
      "x-team": "search",
    });
  },
);

test("with a custom Request class, every request is an instance of it", async () => {
  await using server = await serve(cancelling);
  const made = vi.fn();
  class OwnRequest extends Request {
    constructor(input: RequestInfo | URL, init?: RequestInit) {
      super(input, init);
      made(this.url);
    }
  }
  const client = clientOf(server, { Request: OwnRequest });
  await cancelUpload(client, "upload_abc123");
  client.use({ onRequest: ({ request }) => void expect(request).toBeInstanceOf(OwnRequest) });
  await cancelUpload(client, "upload_abc123");
  const url = `${server.url}/uploads/upload_abc123/cancel`;
  expect(made.mock.calls).toEqual([[url], [url]]);
});

test.for<[string, Pick<ClientOptions, "credentials" | "mode">]>([
  ["bogus", { credentials: JSON.parse('"bogus"') }],
  ["navigate", { mode: "navigate" }],
])("a value that no Request accepts is a TypeError that names it: %s", ([value, options]) => {
  const create = () => createClient({ apiKey: "sk-test", ...options });
  expect(create).toThrow(TypeError);
  expect(create).toThrow(value);
});

describe("whitespace around a key is ignored, because key files often end in a newline", () => {
  test.for<[string, ClientOptions]>([
    ["in apiKey", { apiKey: "sk-test\n" }],
    ["from a function", { apiKey: async () => "\ufeff sk-test \r\n" }],
    ["in a header", { headers: { authorization: "Bearer sk-test \n" } }],
  ])("%s", async ([, options]) => {
    await using server = await serve(cancelling);
    await cancelUpload(createClient({ baseUrl: server.url, ...options }), "upload_abc123");
    expect(server.requests[0]?.headers.authorization).toBe("Bearer sk-test");
  });

  test("in the environment", async () => {
    await using server = await serve(cancelling);
    vi.stubEnv("OPENAI_API_KEY", "sk-test\n");
    const client = createClient({ baseUrl: server.url });
    await cancelUpload(client, "upload_abc123");
    expect(server.requests[0]?.headers.authorization).toBe("Bearer sk-test");
  });
});

describe("the error about an invalid setting names the option or the variable it came from", () => {
  test.for([
    ["OPENAI_API_KEY", "sk-sécret"],
    ["OPENAI_BASE_URL", "127.0.0.1:4801"],
    ["OPENAI_ORG_ID", "org 1"],
    ["OPENAI_PROJECT_ID", "proj 1"],
  ] as const)("%s", ([name, value]) => {
    vi.stubEnv(name, value);
    expect(() => createClient()).toThrow(`${name} must be `);
  });

  test.for(["apiKey", "organization", "project"])("%s", (name) => {
    expect(() => createClient({ [name]: "a b" })).toThrow(`${name} must be visible ASCII characters`);
  });
});

describe("a copy of the client is a client", () => {
  test.for<[string, (client: Client) => Client]>([
    ["a spread", (client) => ({ ...client })],
    ["a Proxy", (client) => new Proxy(client, {})],
    ["an object that inherits from it", (client) => Object.create(client)],
    [
      "a deep Proxy, as Vue's reactive() makes",
      function reactive<T extends object>(target: T): T {
        return new Proxy(target, {
          get: (inner, name) => {
            const value: unknown = Reflect.get(inner, name);
            return typeof value === "object" && value !== null ? reactive(value) : value;
          },
        });
      },
    ],
  ])("%s", async ([, copyOf]) => {
    await using server = await serve(cancelling);
    const copy = copyOf(clientOf(server));
    expect(await cancelUpload(copy, "upload_abc123")).toEqual(cancelledUpload);
    const seen = vi.fn();
    copy.use({ onResponse: ({ response }) => seen(response.bodyUsed) });
    expect(await cancelUpload(copy, "upload_abc123")).toEqual(cancelledUpload);
    expect(seen.mock.calls).toEqual([[false]]);
  });
});

test.for([[undefined], [null], [{}], [createOpenapiClient()]])(
  "a client that createClient() didn't create is a TypeError",
  async ([client]) => {
    await using server = await serve(cancelling);
    const error = await rejection(Reflect.apply(cancelUpload, undefined, [client, "upload_abc123"]));
    expect(String(error)).toBe("TypeError: client must be created by createClient()");
    expect(server.requests).toHaveLength(0);
  },
);

test("middleware sees the key, as in openapi-fetch, and can replace it", async () => {
  await using server = await serve(cancelling);
  const seen: (string | null)[] = [];
  const client = clientOf(server);
  client.use({
    onRequest: ({ request }) => {
      seen.push(request.headers.get("authorization"));
      request.headers.set("authorization", "Bearer sk-other");
    },
  });
  await cancelUpload(client, "upload_abc123");
  expect(seen).toEqual(["Bearer sk-test"]);
  expect(server.requests[0]?.headers.authorization).toBe("Bearer sk-other");
});

test.for([[undefined], [null], [""]])(
  "an apiKey() that rejects with %j is an error that says so, and nothing is sent",
  async ([reason]) => {
    await using server = await serve(cancelling);
    const client = clientOf(server, { apiKey: () => Promise.reject(reason) });
    expect(String(await rejection(cancelUpload(client, "upload_abc123")))).toBe(`Error: apiKey() failed: ${reason}`);
    expect(server.requests).toHaveLength(0);
  },
);

describe("a baseUrl is normalized", () => {
  test.for<[string, string | URL, string]>([
    ["with whitespace around it", " https://gateway.example/v1 \n", "https://gateway.example/v1"],
    ["with a trailing slash", "https://gateway.example/v1/", "https://gateway.example/v1"],
    ["with double slashes", "https://gateway.example//openai//v1//", "https://gateway.example/openai/v1"],
    ["with an @ in its path", "https://gateway.example/@acct/v1", "https://gateway.example/@acct/v1"],
    ["as a URL", new URL("https://gateway.example/v1"), "https://gateway.example/v1"],
    ["without a path", "https://gateway.example", "https://gateway.example"],
  ])("%s", async ([, baseUrl, expected]) => {
    const sent: string[] = [];
    const fetch = async ({ url }: Request) => {
      sent.push(url);
      return Response.json(cancelledUpload);
    };
    await cancelUpload(createClient({ apiKey: "sk-test", baseUrl, fetch }), "upload_abc123");
    expect(sent).toEqual([`${expected}/uploads/upload_abc123/cancel`]);
  });
});

describe("an option of the wrong type is a TypeError that names it", () => {
  test.for<[unknown, string]>([
    [null, "options must be an object"],
    ["sk-test", "options must be an object"],
    [{ signal: new AbortController() }, "signal must be an AbortSignal"],
    [{ onRetry: "log" }, "onRetry must be a function"],
  ])("%j", async ([options, message]) => {
    expect(() => Reflect.apply(createClient, undefined, [options])).toThrow(message);
    const client = createClient({ apiKey: "sk-test" });
    const error = await rejection(Reflect.apply(cancelUpload, undefined, [client, "upload_abc123", options]));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(message);
  });

  test("fetch", () => {
    expect(() => Reflect.apply(createClient, undefined, [{ fetch: "fetch" }])).toThrow("fetch must be a function");
  });
});
