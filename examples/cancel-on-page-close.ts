import { type Client, cancelUpload } from "openai-cancel-upload";

/**
 * Gives the Upload up when its user closes the page.
 *
 * @param client Made with `keepalive: true`, so that the request outlives the page, and with the address of a server of
 * your own as its `baseUrl`: a page must not hold the API key.
 * @returns What calls it off, once the Upload is complete.
 */
export function cancelOnPageClose(client: Client, uploadId: string): () => void {
  const cancel = () => {
    // Nobody is left to hear of a failure, or to try again.
    cancelUpload(client, uploadId, { maxRetries: 0 }).catch(() => {});
  };
  addEventListener("pagehide", cancel);
  return () => removeEventListener("pagehide", cancel);
}
