import { cancelUpload, cancelUploads, createClient } from "openai-cancel-upload";

export function connect(baseUrl: string) {
  const client = createClient({ baseUrl, apiKey: "sk-bench" });
  return (uploadId: string) => cancelUpload(client, uploadId);
}

export async function cancelMany(baseUrl: string, uploadIds: AsyncIterable<string>, concurrency: number) {
  const client = createClient({ baseUrl, apiKey: "sk-bench" });
  for await (const { error } of cancelUploads(client, uploadIds, { concurrency })) if (error) throw error;
}
