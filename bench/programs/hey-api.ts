import { createClient } from "./hey-api-client/client/index.js";
import { cancelUpload } from "./hey-api-client/index.js";

export function connect(baseUrl: string) {
  const client = createClient({ baseUrl, auth: "sk-bench", throwOnError: true });
  return async (upload_id: string) => {
    const { data } = await cancelUpload({ client, path: { upload_id }, throwOnError: true });
    return data;
  };
}
