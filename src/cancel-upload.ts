import type { components, operations } from "../generated/openapi.js";
import type { CallOptions, Client } from "./client.js";
import { perform } from "./operation.js";
import type { Run } from "./resilient-fetch.js";

/** A large file that is sent in Parts. */
export type Upload = components["schemas"]["Upload"];

/** The File of a completed Upload. */
export type OpenAIFile = components["schemas"]["OpenAIFile"];

type Success = operations["cancelUpload"]["responses"][200]["content"]["application/json"];

/** An Upload that was cancelled: its `status` is `"cancelled"`, and no Parts may be added to it. */
export interface CancelledUpload extends Success {}

/** What one cancel may set for itself, over the client's own. */
export interface CancelUploadOptions extends CallOptions {}

/**
 * Cancels an Upload. Resolves only if the API answered with this very Upload, and its status is `cancelled`.
 *
 * @param client Made by `createClient()`.
 * @param uploadId The Upload's `id`, such as `upload_abc123`.
 * @throws ApiError if the API refused, ConnectionError if it gave no answer, InvalidResponseError if its answer is not
 * this Upload, cancelled; TypeError if an argument can't be used (nothing is sent then), and the signal's reason if it
 * aborted.
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

/** As {@link cancelUpload}, for a call that is part of a run. */
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
      send: (init) => client.POST("/uploads/{upload_id}/cancel", { ...init, params }),
      accepts: (body): body is CancelledUpload => isCancelledUpload(body) && body.id === uploadId,
    },
    options,
    run,
  );
}

/** An ID as a message shows it. JavaScript may give anything, even what can't become a text. */
export function nameOf(uploadId: unknown): string {
  return typeof uploadId === "string" ? uploadId : typeof uploadId;
}

/** Only the fields that make it a cancel are checked: an API that adds or drops another has still cancelled. */
function isCancelledUpload(body: unknown): body is CancelledUpload {
  const { id, status, object = "upload" }: Partial<Record<keyof Upload, unknown>> = Object(body);
  const isUpload = typeof id === "string" && object === ("upload" satisfies Upload["object"]);
  return isUpload && status === ("cancelled" satisfies Upload["status"]);
}
