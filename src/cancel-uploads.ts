import { type CancelledUpload, type CancelUploadOptions, cancel, nameOf } from "./cancel-upload.js";
import { check } from "./check.js";
import { type Client, resolveOptions } from "./client.js";
import { concurrently, type Items } from "./concurrently.js";
import { NotSent, Run } from "./run.js";
import { textOf } from "./text.js";
import { subscribe } from "./timing.js";

const DEFAULT_CONCURRENCY = 8;

/** Options for {@link cancelUploads}. They override the client's. */
export interface CancelUploadsOptions extends CancelUploadOptions {
  /** How many cancels can be in flight at once. Default: 8. */
  readonly concurrency?: number | undefined;
}

/** How one of many cancels ended: as {@link cancelUpload} would have resolved, or rejected. */
export type CancelUploadResult =
  | { readonly uploadId: string; readonly upload: CancelledUpload; readonly error?: never }
  | { readonly uploadId: string; readonly upload?: never; readonly error: Error };

/** Any sync or async iterable of IDs, or of promises of IDs. A string is not one: it would be an iterable of letters. */
export type UploadIds = Items<string> & object;

/**
 * Cancels many Uploads and yields one result for each as it settles. A failure doesn't affect the others.
 *
 * When the API limits the rate, or is down for all calls, the run closes: the calls wait, and one at a time is sent as a
 * probe until one gets through. With the default `maxRetries`, no ID fails because of that, except that an outage can cost
 * one with `concurrency: 1`. With `maxRetries: 0`, nothing is sent twice.
 *
 * The run ends if there is no API key, or if the API rejects it (401), has no quota left, asks for a wait longer than
 * `maxWait`, or has let nothing through for `maxWait`. A 404 never ends a run.
 *
 * An ID is taken from `uploadIds` only if fewer than `concurrency` are in hand: in flight, or settled with a result that
 * hasn't been taken. Each ID that was taken gets a result; one that its source hands over only after the run has ended is
 * not taken. If you leave the loop, IDs that were taken still get one attempt each.
 *
 * @param uploadIds The Uploads' `id`s: an array, a generator, a stream of lines …
 * @throws TypeError if an argument can't be used. After the results of all IDs that were taken: the error that ended the
 * run, what `uploadIds` throws, or the signal's reason if it aborted.
 * @example
 * for await (const { uploadId, upload, error } of cancelUploads(client, uploadIds)) {
 *   console.log(uploadId, upload ? upload.status : error.message);
 * }
 */
export async function* cancelUploads(
  client: Client,
  uploadIds: UploadIds,
  options: CancelUploadsOptions = {},
): AsyncGenerator<CancelUploadResult, void, undefined> {
  const { maxWait } = resolveOptions(client, options);
  yield* cancelInRun(new Run(maxWait), client, uploadIds, options);
}

/** {@link cancelUploads} in a run that can be watched and ended from outside. */
export function cancelInRun(
  run: Run,
  client: Client,
  uploadIds: UploadIds,
  options: CancelUploadsOptions,
): AsyncGenerator<CancelUploadResult, void, undefined> {
  const { signals } = resolveOptions(client, options);
  const { concurrency = DEFAULT_CONCURRENCY } = options;
  check(Number.isInteger(concurrency) && concurrency >= 1, "concurrency", "a whole number, 1 or more");
  const isIterable = Symbol.asyncIterator in Object(uploadIds) || Symbol.iterator in Object(uploadIds);
  check(isIterable && typeof uploadIds === "object", "uploadIds", "an iterable of IDs, such as an array");
  const settle = async (uploadId: string): Promise<CancelUploadResult> => {
    run.calls += 1;
    try {
      return { uploadId, upload: await cancel(client, uploadId, options, run) };
    } catch (thrown) {
      const name = nameOf(uploadId);
      const failed = (message: string, cause: unknown = thrown) => ({ uploadId, error: new Error(message, { cause }) });
      if (thrown instanceof NotSent) return failed(`${name} was not sent: the run stopped first`, run.ended.reason);
      if (thrown instanceof Error) return { uploadId, error: thrown };
      const isAborted = signals.some(({ aborted }) => aborted); // The reason of a signal can be any value.
      return failed(`Cancelling ${name} ${isAborted ? "was aborted" : `failed: ${textOf(thrown)}`}`);
    } finally {
      run.calls -= 1;
    }
  };
  for (const { aborted, reason } of signals) if (aborted) run.end(reason);
  const unsubscribes = run.ended.aborted ? [] : signals.map((signal) => subscribe(signal, (reason) => run.end(reason)));
  const onLeave = () => {
    for (const unsubscribe of unsubscribes) unsubscribe();
    run.leave();
  };
  return concurrently(uploadIds, settle, { limit: concurrency, ended: run.ended, onLeave });
}
