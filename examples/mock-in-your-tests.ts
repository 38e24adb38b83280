import { type SetupServer, setupServer } from "msw/node";
import type { paths } from "openai-cancel-upload";
import { createOpenApiHttp } from "openapi-msw";

const http = createOpenApiHttp<paths>({ baseUrl: "https://api.openai.com/v1" });

/** A mock of the API for your tests, typed by the contract. It cancels every Upload. */
export const server: SetupServer = setupServer(
  http.post("/uploads/{upload_id}/cancel", ({ params, response }) =>
    response(200).json({
      id: params.upload_id,
      object: "upload",
      bytes: 2147483648,
      created_at: 1719184911,
      filename: "training_examples.jsonl",
      purpose: "fine-tune",
      status: "cancelled",
      expires_at: 1719127296,
    }),
  ),
);
