import type { components, operations } from "../generated/openapi.js";
import { type CallOptions, type Client, checkSegment } from "./client.js";
import { perform } from "./operation.js";
import type { Run } from "./run.js";
import { excerpt } from "./text.js";

/** The transfer of a large file, which is sent in Parts. */
export type Upload = components["schemas"]["Upload"];

/** The File of a completed Upload. */
export type OpenAIFile = components["schemas"]["OpenAIFile"];

type Success = operations["cancelUpload"]["responses"][200]["content"]["application/json"];

/** An Upload that was cancelled: its `status` is `"cancelled"`, and no Parts can be added to it. */
export interface CancelledUpload extends Success {
  /** The response's `x-request-id`, which OpenAI's support asks for; null if it had none. It isn't enumerable. */
  readonly _request_id?: string | null;
}

/** Options for one cancel. They override the client's. */
export interface CancelUploadOptions extends CallOptions {}

/**
 * Cancels an Upload. Resolves only if the API responded with that same Upload, and its status is `cancelled`.
 *
 * @param client Created by `createClient()`.
 * @param uploadId The Upload's `id`, such as `upload_abc123`.
 * @throws ApiError if the API returned an error, ConnectionError if there was no response, InvalidResponseError if the
 * response wasn't the cancelled Upload, TypeError if an argument can't be used (nothing is sent then), or the signal's
 * reason if it aborted.
 * @example
 * const upload = await cancelUpload(createClient(), "upload_abc123");
 * upload.status; // "cancelled"
 */
export function cancelUpload(
  client: Client,
  uploadId: string,
  options?: CancelUploadOptions,
): Promise<CancelledUpload> {
  return cancel(client, uploadId, options);
}

/** {@link cancelUpload} for a call that is part of a run. */
export function cancel(
  client: Client,
  uploadId: string,
  options: CancelUploadOptions | undefined,
  run?: Run,
): Promise<CancelledUpload> {
  const params = { path: { upload_id: uploadId } };
  return perform(
    client,
    {
      name: `Cancelling ${nameOf(uploadId)}`,
      expected: `cancelled Upload ${nameOf(uploadId)}`,
      send: (init) => {
        checkSegment("uploadId", uploadId); // The client would call it upload_id.
        return client.POST("/uploads/{upload_id}/cancel", { ...init, params });
      },
      accepts: (body): body is CancelledUpload => isCancelledUpload(body) && body.id === uploadId,
    },
    options,
    run,
  );
}

/** An ID for a message. JavaScript callers can pass anything, even values that have no text. */
export function nameOf(uploadId: unknown): string {
  return typeof uploadId === "string" ? excerpt(uploadId) : typeof uploadId;
}

/** Checks only what makes it a cancel: an API that adds or drops another property has still cancelled the Upload. */
function isCancelledUpload(body: unknown): body is CancelledUpload {
  const { id, status, object = "upload" }: Partial<Record<keyof Upload, unknown>> = Object(body);
  const isUpload = typeof id === "string" && object === ("upload" satisfies Upload["object"]);
  return isUpload && status === ("cancelled" satisfies Upload["status"]);
}
