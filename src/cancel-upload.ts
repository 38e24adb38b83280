import type { components } from "../generated/openapi.js";
import { type CallOptions, type Client, initOf } from "./client.js";
import { concurrently } from "./concurrently.js";
import { ApiError, check, InvalidResponseError, newCall } from "./errors.js";
import { retryAfter } from "./resilient-fetch.js";
import { bounded, Pace } from "./waiting.js";

/** A large file that is sent in Parts. */
export type Upload = components["schemas"]["Upload"];

/** The File of a completed Upload. */
export type OpenAIFile = components["schemas"]["OpenAIFile"];

/** An Upload that was given up: no Parts may be added to it. */
export type CancelledUpload = Upload & { status: "cancelled" };

/** What one cancel may set for itself, over the client's own. */
export interface CancelUploadOptions extends CallOptions {}

/**
 * Cancels an Upload. Resolves only when the API answered with an Upload whose status is `cancelled`.
 *
 * @param uploadId The Upload's `id`, such as `upload_abc123`.
 * @throws ApiError where the API refused, ConnectionError where it gave no answer, InvalidResponseError where its
 * answer is no cancelled Upload, TypeError where an argument can't be used (nothing is sent then), and the signal's
 * reason where it aborted.
 * @example
 * const upload = await cancelUpload(createClient(), "upload_abc123");
 * upload.status; // "cancelled"
 */
export function cancelUpload(
  client: Client,
  uploadId: string,
  options: CancelUploadOptions = {},
): Promise<CancelledUpload> {
  return cancel(client, uploadId, options);
}

async function cancel(
  client: Client,
  uploadId: string,
  options: CancelUploadOptions,
  pace?: Pace,
): Promise<CancelledUpload> {
  const call = newCall(`Cancelling ${String(uploadId)}`);
  const init = initOf(client, call, options, pace);
  const post = () => client.POST("/uploads/{upload_id}/cancel", { ...init, params: { path: { upload_id: uploadId } } });
  // An abort need not wait for a middleware.
  const { data, error, response } = await (options.signal ? bounded([options.signal], post) : post());
  if (response.status >= 400) throw new ApiError(call, response, error, retryAfter(response.headers));

  const body = parse(data ?? "");
  if (isCancelledUpload(body)) return body;
  throw new InvalidResponseError(call, response, body, (said) => `with no cancelled Upload: ${said}`);
}

const DEFAULT_CONCURRENCY = 8;

/** What the calls of {@link cancelUploads} have in common. */
export interface CancelUploadsOptions extends CancelUploadOptions {
  /** How many cancels are in flight at the most. Default: 8. */
  readonly concurrency?: number | undefined;
}

/** How the cancel of one of many Uploads ended: as {@link cancelUpload} would have resolved, or rejected. */
export type CancelUploadResult =
  | { readonly uploadId: string; readonly upload: CancelledUpload; readonly error?: never }
  | { readonly uploadId: string; readonly upload?: never; readonly error: unknown };

/**
 * Cancels many Uploads, and gives one result for each as it ends. One that fails doesn't keep the others back; where
 * the API asks one to wait (429), all wait.
 *
 * An ID is drawn when there is room for it: with `concurrency` cancels in flight, or ended and not yet taken, the next
 * is not asked for. To leave the loop starts nothing more.
 *
 * @param uploadIds The Uploads' `id`s: an array, a generator, a stream of lines …
 * @throws TypeError where an option can't be used, what `uploadIds` throws, and the signal's reason where it aborted:
 * after the results of what was sent.
 * @example
 * for await (const { uploadId, upload, error } of cancelUploads(client, uploadIds)) {
 *   console.log(uploadId, upload ? upload.status : error);
 * }
 */
export async function* cancelUploads(
  client: Client,
  uploadIds: Iterable<string> | AsyncIterable<string>,
  options: CancelUploadsOptions = {},
): AsyncGenerator<CancelUploadResult, void, undefined> {
  const { concurrency = DEFAULT_CONCURRENCY, signal } = options;
  check(typeof uploadIds !== "string", "uploadIds", "an iterable of IDs, and no string");
  check(Number.isInteger(concurrency) && concurrency >= 1, "concurrency", "a whole number, 1 or more");
  initOf(client, newCall("Cancelling"), options);

  const pace = new Pace();
  const settle = (uploadId: string): Promise<CancelUploadResult> =>
    cancel(client, uploadId, options, pace).then(
      (upload) => ({ uploadId, upload }),
      (error: unknown) => ({ uploadId, error }),
    );
  yield* concurrently(uploadIds, settle, concurrency, signal);
}

/**
 * The fields that make it a cancel, and no more: an API that adds or drops another has still cancelled.
 * Nor is the id compared: gateways, and mocks such as Prism, answer with ids of their own.
 */
function isCancelledUpload(body: unknown): body is CancelledUpload {
  const { id, status, object = "upload" }: Partial<Record<keyof Upload, unknown>> = Object(body);
  const isUpload = typeof id === "string" && object === ("upload" satisfies Upload["object"]);
  return isUpload && status === ("cancelled" satisfies Upload["status"]);
}

/** The JSON value, or the text where it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
