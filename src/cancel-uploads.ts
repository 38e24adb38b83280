import { type CancelledUpload, type CancelUploadOptions, cancel, nameOf } from "./cancel-upload.js";
import { check } from "./check.js";
import { type Client, resolveOptions } from "./client.js";
import { concurrently, type Items } from "./concurrently.js";
import { NotSent, Run } from "./run.js";
import { isError, safeString } from "./text.js";
import { subscribe, throwIfAborted } from "./timing.js";

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
 * When the API rate-limits you (429, or a 503) or is down for all calls, the run pauses. It resumes slowly: one request at
 * a time at first, more with each success. A rate limit doesn't make an ID fail, unless the API says
 * `x-should-retry: false`; an outage can cost one or
 * two if `concurrency` is below 5. With `maxRetries: 0`, nothing is sent twice, so an ID that is rejected fails.
 *
 * The run ends if there is no API key, if the API rejects it (401), if you have no quota left, if the API asks for a wait longer than
 * `maxWait`, if a proxy refuses to connect, or if no request succeeds for `maxWait`. A 404 never ends a run.
 *
 * At most `concurrency` IDs are in progress: being cancelled, or waiting for you to take their result. Only then is another
 * one taken from `uploadIds`. Each ID that was taken gets a result, unless you leave the loop: then the attempts in flight
 * finish, and no other is made.
 *
 * @param uploadIds The Uploads' `id`s: an array, a generator, a stream of lines …
 * @throws TypeError if an argument can't be used. After the results of all IDs that were taken: the error that ended the
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
  return cancelInRun(new Run(), client, uploadIds, options);
}

/** {@link cancelUploads} in a run that can be watched and ended from outside. */
export async function* cancelInRun(
  run: Run,
  client: Client,
  uploadIds: UploadIds,
  options: CancelUploadsOptions,
): AsyncGenerator<CancelUploadResult, void, undefined> {
  const { signals } = resolveOptions(client, options);
  const isIterable = Symbol.asyncIterator in Object(uploadIds) || Symbol.iterator in Object(uploadIds);
  check(isIterable && typeof uploadIds === "object", "uploadIds", "an iterable of IDs, such as an array");
  throwIfAborted(signals);

  const settle = async (uploadId: string): Promise<CancelUploadResult> => {
    run.calls += 1;
    try {
      return { uploadId, upload: await cancel(client, uploadId, options, run) };
    } catch (thrown) {
      const name = nameOf(uploadId);
      if (thrown instanceof NotSent) {
        const message = `${name} was not sent: the run stopped first`;
        return { uploadId, error: new NotSent(message, { cause: run.ended.reason }) };
      }
      if (isError(thrown)) return { uploadId, error: thrown };
      const isAborted = signals.some(({ aborted }) => aborted); // The reason of a signal can be any value.
      const message = `Cancelling ${name} ${isAborted ? "was aborted" : `failed: ${safeString(thrown)}`}`;
      return { uploadId, error: new Error(message, { cause: thrown }) };
    } finally {
      run.calls -= 1;
    }
  };
  const subscriptions = signals.map((signal) => subscribe(signal, (reason) => run.end(reason)));
  try {
    const { concurrency = DEFAULT_CONCURRENCY } = options;
    const onLeave = () => run.end(undefined);
    yield* concurrently(uploadIds, settle, { limit: concurrency, ended: run.ended, onLeave });
  } finally {
    for (const unsubscribe of subscriptions) unsubscribe();
  }
}
