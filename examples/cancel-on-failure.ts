import { type Client, cancelUpload } from "openai-cancel-upload";

/**
 * Sends the Parts of an Upload; where that fails, or the signal stops it, gives the Upload up.
 *
 * @param sendParts Your own code, which rejects where a Part fails.
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
    // Not with the same signal: what stopped the Parts would stop the cancel too.
    await cancelUpload(client, uploadId, { signal: AbortSignal.timeout(10_000) }).catch((error: unknown) => {
      throw new AggregateError([failure, error], `Upload ${uploadId} failed, and is still pending`);
    });
    throw failure;
  }
}
