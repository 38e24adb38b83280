import { HttpResponse, http } from "msw";
import { type SetupServer, setupServer } from "msw/node";
import type { Upload } from "openai-cancel-upload";

/** A mock of the API for your tests, typed by the contract. It cancels every Upload. */
export const server: SetupServer = setupServer(
  http.post<{ upload_id: string }>("https://api.openai.com/v1/uploads/:upload_id/cancel", ({ params }) => {
    const upload: Upload = {
      id: params.upload_id,
      object: "upload",
      bytes: 2147483648,
      created_at: 1719184911,
      filename: "training_examples.jsonl",
      purpose: "fine-tune",
      status: "cancelled",
      expires_at: 1719127296,
    };
    return HttpResponse.json(upload);
  }),
);
