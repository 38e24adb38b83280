// Cancels an upload through the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name.
//
//   npm install undici@7
//   HTTPS_PROXY=http://127.0.0.1:8080 npx tsx examples/through-a-proxy.ts UPLOAD_ID

import { cancelUpload, createClient } from "openai-cancel-upload";
import { EnvHttpProxyAgent } from "undici"; // 7, or on Node 26 also 8

const [uploadId = ""] = process.argv.slice(2);
const client = createClient({ requestInitExt: { dispatcher: new EnvHttpProxyAgent() } });
const upload = await cancelUpload(client, uploadId);
console.log(upload.status);
