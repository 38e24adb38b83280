// Cancels every Upload at once, and tells its parent where.
import { serve } from "../test/support/server.js";
import { body, headers } from "./answer.js";

const server = await serve((_request, response) => {
  response.writeHead(200, headers).end(body);
}, 0);
process.once("disconnect", () => process.exit());
process.send?.(server.url);
