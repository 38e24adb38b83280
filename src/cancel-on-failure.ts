import { type CancelUploadOptions, cancelUpload, nameOf } from "./cancel-upload.js";
import { check } from "./check.js";
import { type Client, checkKey, checkSegment, resolveOptions } from "./client.js";
import { CancelFailedError, ClientError } from "./errors.js";
import { isError, safeString } from "./text.js";

/**
 * Runs `work`, which sends an Upload, and cancels the Upload if `work` fails. Resolves to what `work` resolves to.
 *
 * If `work` throws or rejects, this rejects with the same error once the Upload is cancelled. If the cancel fails too, it
 * rejects with a {@link CancelFailedError}, which has both errors. This also happens if the Upload was completed, and only
 * the response was lost.
 *
 * The client's own `signal` doesn't stop the cancel, because it may be the very signal that stopped `work`. Only
 * `options.signal` does.
 *
 * @param uploadId The Upload's `id`, such as `upload_abc123`.
 * @param work Should settle only when none of its requests is in flight: a Part can't be added to a cancelled Upload.
 * @param options Options for the cancel. They override the client's.
 * @throws TypeError before `work` starts if an argument can't be used, or if there is no API key.
 * @example
 * const completed = await cancelOnFailure(client, created.id, async () => {
 *   const part = await openai.uploads.parts.create(created.id, { data });
 *   return openai.uploads.complete(created.id, { part_ids: [part.id] });
 * });
 */
export async function cancelOnFailure<Result>(
  client: Client,
  uploadId: string,
  work: () => Result | PromiseLike<Result>,
  options: CancelUploadOptions = {},
): Promise<Result> {
  const { headers } = resolveOptions(client, options);
  checkSegment("uploadId", uploadId);
  check(typeof work === "function", "work", "a function that sends the Upload");
  checkKey(client, headers);
  try {
    return await work();
  } catch (failure) {
    const settings = { ...client.settings, signal: undefined };
    const withoutSignal: Client = Object.create(client, { settings: { value: settings } });
    await cancelUpload(withoutSignal, uploadId, options).catch((error: unknown) => {
      const reason = error instanceof ClientError ? error.problem : isError(error) ? error.message : safeString(error);
      const message = `Sending ${nameOf(uploadId)} failed, and so did cancelling it: ${reason}`;
      throw new CancelFailedError(uploadId, [failure, error], message);
    });
    throw failure;
  }
}
