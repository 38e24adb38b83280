import { type Client, cancelUpload } from "openai-cancel-upload";

/**
 * Cancels the Upload when its user closes the page.
 *
 * @param client Made with `keepalive: true`, so that the request outlives the page, and with your own server as its
 * `baseUrl`, because a page must not hold the API key.
 * @returns A function to call once the Upload is complete, after which it isn't cancelled anymore.
 */
export function cancelOnPageClose(client: Client, uploadId: string): () => void {
  const cancel = () => {
    // The page is gone: nothing can report a failure, or retry.
    cancelUpload(client, uploadId, { maxRetries: 0 }).catch(() => {});
  };
  addEventListener("pagehide", cancel);
  return () => removeEventListener("pagehide", cancel);
}
