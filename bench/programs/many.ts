// Cancels the IDs on standard input with one client: in a pool, unless the client can do that itself.
import { createInterface } from "node:readline";
import pMap from "p-map";

const [program = "", , concurrency] = process.argv.slice(2);
const {
  connect,
  cancelMany = (url: string, uploadIds: AsyncIterable<string>, concurrency: number) =>
    pMap(uploadIds, connect(url), { concurrency }),
} = await import(program);
await cancelMany(process.env["OPENAI_BASE_URL"], createInterface(process.stdin), Number(concurrency));
