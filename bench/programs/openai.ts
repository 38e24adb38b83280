import OpenAI from "openai";

export function connect(baseURL: string) {
  const client = new OpenAI({ baseURL, apiKey: "sk-bench" });
  return (uploadId: string) => client.uploads.cancel(uploadId);
}
