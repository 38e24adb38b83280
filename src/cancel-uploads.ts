import { type CancelledUpload, type CancelUploadOptions, cancel } from "./cancel-upload.js";
import { check } from "./check.js";
import type { Client } from "./client.js";
import { concurrently } from "./concurrently.js";
import { checkRetryOptions } from "./resilient-fetch.js";
import { SharedRun } from "./run.js";

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
  checkRetryOptions(options);

  const run = new SharedRun(new AbortController().signal);
  const settle = (uploadId: string): Promise<CancelUploadResult> =>
    cancel(client, uploadId, options, run).then(
      (upload) => ({ uploadId, upload }),
      (error: unknown) => ({ uploadId, error }),
    );
  yield* concurrently(uploadIds, settle, concurrency, signal);
}
