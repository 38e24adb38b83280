import { cancelUpload, createClient } from "openai-cancel-upload";

// A page must not hold the API key: your own server, here at /api, adds it and passes the request on to OpenAI.
// With keepalive, the request outlives the page.
const client = createClient({ baseUrl: "/api", apiKey: null, keepalive: true });

/**
 * Cancels the upload when its user closes the page.
 *
 * @returns A function to call once the upload is complete, so that it isn't cancelled anymore.
 */
export function cancelOnPageClose(uploadId: string): () => void {
  const cancel = () => {
    // The page is gone: nothing can report a failure, or retry.
    cancelUpload(client, uploadId, { maxRetries: 0 }).catch(() => {});
  };
  addEventListener("pagehide", cancel);
  return () => removeEventListener("pagehide", cancel);
}
