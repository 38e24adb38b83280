import { cancelUpload, createClient } from "openai-cancel-upload";

export function connect(baseUrl: string) {
  const client = createClient({ baseUrl, apiKey: "sk-bench" });
  return (uploadId: string) => cancelUpload(client, uploadId);
}
