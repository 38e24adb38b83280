import type { paths } from "openai-cancel-upload";
import createClient from "openapi-fetch";

export function connect(baseUrl: string) {
  const client = createClient<paths>({ baseUrl, headers: { authorization: "Bearer sk-bench" } });
  return async (upload_id: string) => {
    const { data, error } = await client.POST("/uploads/{upload_id}/cancel", { params: { path: { upload_id } } });
    if (error) throw new Error(error.error.message);
    return data;
  };
}
