import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Window } from "happy-dom";
import { afterEach, beforeEach, describe, expect, inject, test, vi } from "vitest";
import { sendOrCancel } from "../examples/cancel-on-failure.js";
import { cancelOnPageClose } from "../examples/cancel-on-page-close.js";
import { server as api } from "../examples/mock-in-your-tests.js";
import { CancelButton } from "../examples/react-query.js";
import { type Client, cancelUpload, createClient } from "../src/index.js";
import { cancelledUpload } from "./support/contract.js";
import { rejection } from "./support/rejection.js";
import { json, serve } from "./support/server.js";

const { signal } = new AbortController();

describe("an upload whose parts fail half-way", () => {
  const fail = () => Promise.reject(new Error("part 2 failed"));

  test("is cancelled, and its failure is thrown", async () => {
    await using server = await serve(json(200, cancelledUpload));
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    expect(await rejection(sendOrCancel(client, "upload_abc123", fail, signal))).toMatchObject({
      message: "part 2 failed",
    });
    expect(server.requests.map(({ url }) => url)).toEqual(["/v1/uploads/upload_abc123/cancel"]);
  });

  test("is cancelled too if its user stops it", async () => {
    await using server = await serve(json(200, cancelledUpload));
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    const stopped = AbortSignal.abort("stopped");
    const sendParts = async (signal: AbortSignal) => signal.throwIfAborted();
    expect(await rejection(sendOrCancel(client, "upload_abc123", sendParts, stopped))).toBe("stopped");
    expect(server.requests).toHaveLength(1);
  });

  test("throws both errors if the cancel fails as well", async () => {
    await using server = await serve(json(404, { error: { message: "No such Upload" } }));
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    expect(await rejection(sendOrCancel(client, "upload_abc123", fail, signal))).toMatchObject({
      errors: [{ message: "part 2 failed" }, { status: 404 }],
    });
  });

  test("is left alone if they don't fail", async () => {
    await using server = await serve(json(200, cancelledUpload));
    const client = createClient({ baseUrl: server.url, apiKey: "sk-test" });
    await sendOrCancel(client, "upload_abc123", async () => {}, signal);
    expect(server.requests).toHaveLength(0);
  });
});

describe("in a page", () => {
  let window: Window;

  beforeEach(() => {
    window = new Window();
    vi.stubGlobal("window", window);
    vi.stubGlobal("document", window.document);
    vi.stubGlobal("navigator", window.navigator);
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
    vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
    vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  });

  afterEach(async () => {
    vi.unstubAllGlobals();
    await window.happyDOM.close();
  });

  test("an Upload is cancelled when its user closes the page, by a request that outlives it", async () => {
    const sent = vi.fn(async (_request: Request) => Response.json(cancelledUpload));
    const client = createClient({ apiKey: "sk-test", keepalive: true, fetch: sent });
    const stopListening = cancelOnPageClose(client, "upload_abc123");
    window.dispatchEvent(new window.Event("pagehide"));
    await vi.waitFor(() => expect(sent).toHaveBeenCalledTimes(1));
    expect(sent.mock.calls[0]?.[0]).toMatchObject({ method: "POST", keepalive: true });
    stopListening();
    window.dispatchEvent(new window.Event("pagehide"));
    expect(sent).toHaveBeenCalledTimes(1);
  });

  test.for([
    ["cancelled", {}],
    ["No such Upload object: upload_abc123", { prefer: "code=404" }],
  ] as const)("openapi-react-query runs a mutation with the client, and gets %j", async ([text, headers]) => {
    await expectTextAfterClick(createClient({ baseUrl: inject("prismUrl"), apiKey: "sk-test", headers }), text);
  });

  test("a mutation without an answer shows what went wrong", async () => {
    const fetch = () => Promise.reject(new TypeError("fetch failed"));
    const client = createClient({ apiKey: "sk-test", maxRetries: 0, fetch });
    await expectTextAfterClick(client, expect.stringContaining("no answer, fetch failed"));
  });

  test("a mutation that a gateway refuses in its own words shows that it failed", async () => {
    const fetch = async () => new Response("<h1>Bad Gateway</h1>", { status: 502 });
    const client = createClient({ apiKey: "sk-test", maxRetries: 0, fetch });
    await expectTextAfterClick(client, "Not cancelled");
  });

  async function expectTextAfterClick(client: Client, text: unknown): Promise<void> {
    const { act } = await import("react");
    const { createRoot } = await import("react-dom/client");
    const element = document.createElement("div");
    const root = createRoot(element);
    const queryClient = new QueryClient();
    await act(async () =>
      root.render(
        <QueryClientProvider client={queryClient}>
          <CancelButton client={client} uploadId="upload_abc123" />
        </QueryClientProvider>,
      ),
    );
    document.body.append(element);
    await act(async () => element.querySelector("button")?.click());
    await act(() => vi.waitFor(() => expect(element.textContent).toEqual(text)));
    await act(async () => root.unmount());
    queryClient.clear();
  }
});

test("a middleware sees the request, without the key, and the response", async () => {
  const seen: unknown[] = [];
  const client = createClient({ baseUrl: inject("prismUrl"), apiKey: "sk-test" });
  client.use({
    onRequest: ({ request }) => {
      seen.push(request.method, request.headers.get("authorization"));
    },
    onResponse: async ({ response }) => {
      seen.push(response.status, await response.clone().json());
    },
  });
  await cancelUpload(client, "upload_abc123");
  expect(seen).toEqual(["POST", null, 200, cancelledUpload]);
});

test("openapi-msw mocks the API with the exported type of its paths", async () => {
  api.listen({ onUnhandledRequest: "error" });
  try {
    const upload = await cancelUpload(createClient({ apiKey: "sk-test" }), "upload_def456");
    expect(upload).toMatchObject({ id: "upload_def456", status: "cancelled" });
  } finally {
    api.close();
  }
});
