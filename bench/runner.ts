// Runs one peer's program, a batch of cancels at each message, and answers with the ns that one cancel took.
import { pathToFileURL } from "node:url";
import { body, headers } from "./answer.js";

/** How often to cancel, and how. */
export interface Batch {
  /** Where; without it, `fetch` answers at once. */
  readonly url?: string;
  readonly calls: number;
  readonly inFlight: number;
}

type Cancel = (uploadId: string) => Promise<unknown>;

const [path = ""] = process.argv.slice(2);
const program: { connect(baseUrl: string): Cancel } = await import(pathToFileURL(path).href);

const platformFetch = globalThis.fetch;
// To read its arguments as a Request is what any fetch does first, so that bare `fetch` gets its headers checked too.
const instantFetch: typeof fetch = async (input, init) => {
  new Request(input, init);
  return new Response(body, { headers });
};

const clients = new Map<string, Cancel>();

function clientFor(url: string): Cancel {
  const client = clients.get(url) ?? program.connect(url);
  clients.set(url, client);
  return client;
}

async function run({ url, calls, inFlight }: Batch): Promise<number> {
  globalThis.fetch = url === undefined ? instantFetch : platformFetch;
  const cancel = clientFor(url ?? "https://api.openai.com/v1");
  const several = async () => {
    for (let call = inFlight; call <= calls; call += inFlight) last = await cancel("upload_abc123");
  };
  let last: unknown;
  const start = process.hrtime.bigint();
  await Promise.all(Array.from({ length: inFlight }, several));
  const ns = Number(process.hrtime.bigint() - start) / calls;
  if (!JSON.stringify(last).includes('"cancelled"')) throw new Error(`${path} cancelled nothing`);
  return ns;
}

process.on("message", async (batch: Batch) => process.send?.(await run(batch)));
process.once("disconnect", () => process.exit());
process.send?.("ready");
