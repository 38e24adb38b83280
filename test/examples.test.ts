import { expect, onTestFinished, test, vi } from "vitest";
import { cancelOnPageClose } from "../examples/cancel-on-page-close.js";
import { server as api } from "../examples/mock-in-your-tests.js";
import { cancelUpload, createClient } from "../src/index.js";
import { cancelledUpload } from "./support/contract.js";
import { until } from "./support/timers.js";

test("an upload is cancelled when the page closes, by a request that outlives the page", async () => {
  const page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  onTestFinished(() => void vi.unstubAllGlobals());
  const sent = vi.fn(async (_request: Request) => Response.json(cancelledUpload));
  const client = createClient({ apiKey: "sk-test", keepalive: true, fetch: sent });

  const stopListening = cancelOnPageClose(client, "upload_abc123");
  page.dispatchEvent(new Event("pagehide"));
  await until(() => sent.mock.calls.length > 0);
  expect(sent.mock.calls[0]?.[0]).toMatchObject({ method: "POST", keepalive: true });
  stopListening();
  page.dispatchEvent(new Event("pagehide"));
  expect(sent).toHaveBeenCalledTimes(1);
});

test("msw mocks the API for a caller's tests", async () => {
  api.listen({ onUnhandledRequest: "error" });
  try {
    const upload = await cancelUpload(createClient({ apiKey: "sk-test" }), "upload_def456");
    expect(upload).toMatchObject({ id: "upload_def456", status: "cancelled" });
  } finally {
    api.close();
  }
});
