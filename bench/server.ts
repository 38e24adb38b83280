// A server that cancels every Upload at once. It runs in a process of its own, and sends its URL to its parent.
import { cancelledUpload } from "../test/support/contract.js";
import { serve } from "../test/support/server.js";

const answer = JSON.stringify(cancelledUpload);
const server = await serve(({ url = "" }, response) => {
  response.setHeader("content-type", "application/json");
  response.end(answer.replace("upload_abc123", url.split("/").at(-2) ?? ""));
}, 0);
process.once("disconnect", () => process.exit());
process.send?.(server.url);
