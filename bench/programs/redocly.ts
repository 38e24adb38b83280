import { cancelUpload, configure } from "./redocly-client.js";

export function connect(serverUrl: string) {
  configure({
    serverUrl,
    auth: { bearer: "sk-bench" },
    // Retries and time-outs are off by default, and a POST is only retried if `retryOn` says so.
    retry: { retries: 2, retryOn: ({ response }) => response === undefined || response.status >= 500 },
    timeout: 30_000,
  });
  return (upload_id: string) => cancelUpload({ path: { upload_id } });
}
