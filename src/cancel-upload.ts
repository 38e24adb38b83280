import type { components } from "../generated/openapi.js";
import { type Client, type ClientOptions, checkedHeaders, fetchOf } from "./client.js";
import { concurrently } from "./concurrently.js";
import { ApiError, check, excerpt, InvalidResponseError, newCall } from "./errors.js";
import { checkRetryOptions, type RetryOptions, retryAfter, unread } from "./resilient-fetch.js";
import { bounded, Pace } from "./waiting.js";

/** A large file that is sent in Parts. */
export type Upload = components["schemas"]["Upload"];

/** The File of a completed Upload. */
export type OpenAIFile = components["schemas"]["OpenAIFile"];

/** An Upload that was given up: no Parts may be added to it. */
export type CancelledUpload = Upload & { status: "cancelled" };

/** What one call may set for itself, over the client's own. */
export interface CancelUploadOptions extends RetryOptions {
  /** Gives the call up; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Headers for this call, over the client's. */
  readonly headers?: ClientOptions["headers"] | undefined;
}

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
  const { signal, headers, maxRetries, timeout } = options;
  checkRetryOptions(options);
  const fetch = fetchOf(client);
  const call = newCall(`Cancelling ${String(uploadId)}`);

  const post = async () =>
    client.POST("/uploads/{upload_id}/cancel", {
      params: { path: { upload_id: uploadId } },
      ...(headers && { headers: checkedHeaders(headers) }),
      // Not as the Request's own signal: each Request would leave a listener on it until it is garbage collected.
      fetch: (request) => fetch(request, { call, pace, maxRetries, timeout, signal, respond: unread }),
      parseAs: "text",
    });
  // An abort need not wait for a middleware.
  const { data, error, response } = await (signal ? bounded([signal], 0, () => {}, post) : post());
  if (response.status >= 400) throw new ApiError(call, response, error, retryAfter(response.headers));

  const body = data === undefined ? undefined : parse(data);
  if (isCancelledUpload(body)) return body;
  throw new InvalidResponseError(call, (shown) => `with no cancelled Upload: ${excerpt(shown)}`, response, body);
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
  check(Number.isInteger(concurrency) && concurrency >= 1, "concurrency", "a whole number, 1 or more");
  checkRetryOptions(options);
  if (options.headers) checkedHeaders(options.headers);
  fetchOf(client);

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
