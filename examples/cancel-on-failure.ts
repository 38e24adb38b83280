import { type Client, cancelUpload } from "openai-cancel-upload";

/**
 * Sends the Parts of an Upload. If that fails, or the signal aborts it, cancels the Upload.
 *
 * @param sendParts Your own code, which rejects if a Part fails.
 */
export async function sendOrCancel(
  client: Client,
  uploadId: string,
  sendParts: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await sendParts(signal);
  } catch (failure) {
    // Not with the same signal, which may be what stopped the Parts: it would stop this request too.
    await cancelUpload(client, uploadId, { signal: AbortSignal.timeout(10_000) }).catch((error: unknown) => {
      throw new AggregateError([failure, error], `Upload ${uploadId} failed, and could not be cancelled`);
    });
    throw failure;
  }
}
