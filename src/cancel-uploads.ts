import { type CancelledUpload, type CancelUploadOptions, cancel, nameOf } from "./cancel-upload.js";
import { check } from "./check.js";
import { type Client, checkHeaders, transportOf } from "./client.js";
import { concurrently } from "./concurrently.js";
import { checkRetryOptions } from "./resilient-fetch.js";
import { SharedRun } from "./run.js";
import { subscribe } from "./waiting.js";

const DEFAULT_CONCURRENCY = 8;

/** What the calls of {@link cancelUploads} have in common. */
export interface CancelUploadsOptions extends CancelUploadOptions {
  /** How many cancels are in flight at once. Default: 8. */
  readonly concurrency?: number | undefined;
}

/** How the cancel of one of many Uploads ended: as {@link cancelUpload} would have resolved, or rejected. */
export type CancelUploadResult =
  | { readonly uploadId: string; readonly upload: CancelledUpload; readonly error?: never }
  | { readonly uploadId: string; readonly upload?: never; readonly error: Error };

/** Any iterable of IDs but a string, which is one of letters. */
export type UploadIds = (Iterable<string> & object) | AsyncIterable<string>;

/**
 * Cancels many Uploads, and gives one result for each as it ends. One that fails doesn't keep the others back. If the
 * API asks one of them to wait, all wait.
 *
 * An ID is drawn only when there is room for it: with `concurrency` cancels in flight, or ended and not yet taken, the
 * next is not asked for. If the loop is left, nothing more is drawn and nothing is tried again. An ID that was drawn is
 * sent, or it is in a result, unless the source gives it only after the signal aborted.
 *
 * A run that can't succeed stops: at once if the API refuses the key (401), has no quota left or asks for more than a
 * minute, else after 20 failures in a row that are not about the Upload (or two for each call in flight, if that is
 * more). A 404 never stops it.
 *
 * @param uploadIds The Uploads' `id`s: an array, a generator, a stream of lines …
 * @throws TypeError if an argument can't be used; and, after the results of what was sent, the error that stopped the
 * run, what `uploadIds` throws, or the signal's reason if it aborted.
 * @example
 * for await (const { uploadId, upload, error } of cancelUploads(client, uploadIds)) {
 *   console.log(uploadId, upload ? upload.status : error.message);
 * }
 */
export function cancelUploads(
  client: Client,
  uploadIds: UploadIds,
  options: CancelUploadsOptions = {},
): AsyncGenerator<CancelUploadResult, void, undefined> {
  return cancelInRun(new SharedRun(), client, uploadIds, options);
}

/** {@link cancelUploads}, in a run that can be watched, and stopped. */
export async function* cancelInRun(
  run: SharedRun,
  client: Client,
  uploadIds: UploadIds,
  options: CancelUploadsOptions,
): AsyncGenerator<CancelUploadResult, void, undefined> {
  const { concurrency = DEFAULT_CONCURRENCY } = options;
  check(isIterable(uploadIds), "uploadIds", "an iterable of IDs, and no string");
  check(Number.isInteger(concurrency) && concurrency >= 1, "concurrency", "a whole number, 1 or more");
  checkRetryOptions(options);
  checkHeaders(options.headers);
  const signals = transportOf(client).signals(options);
  for (const signal of signals) signal.throwIfAborted();
  run.concurrency = concurrency;

  let isLeft = false;
  const settle = async (uploadId: string): Promise<CancelUploadResult> => {
    try {
      // What the source still gave when the loop was left is sent, but not tried again.
      const upload = await (isLeft
        ? cancel(client, uploadId, { ...options, maxRetries: 0 })
        : cancel(client, uploadId, options, run));
      run.succeeded();
      return { uploadId, upload };
    } catch (thrown) {
      const isUnsent = thrown === run.noMore.reason && !signals.some(({ aborted }) => aborted);
      run.rejected(thrown);
      if (thrown instanceof Error && !isUnsent) return { uploadId, error: thrown };
      const end = isUnsent ? "stopped before it was sent" : "aborted";
      return { uploadId, error: new Error(`Cancelling ${nameOf(uploadId)} was ${end}`, { cause: thrown }) };
    }
  };

  const unsubscribes = signals.map((signal) => subscribe(signal, (reason) => run.stop(reason)));
  yield* concurrently(uploadIds, {
    run: settle,
    limit: concurrency,
    ready: () => run.ready(),
    noMore: run.noMore,
    onEnd: () => {
      for (const unsubscribe of unsubscribes) unsubscribe();
      isLeft = true;
      run.stop();
    },
  });
}

function isIterable(value: unknown): boolean {
  return typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}
