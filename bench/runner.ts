// Cancels with one peer's program. At each message it cancels a number of times, and answers with the µs per cancel.
import { Bench } from "tinybench";
import { cancelledUpload } from "../test/support/contract.js";

/** What to do at each message. */
export interface Load {
  /** Of the server. Without it, `fetch` answers at once. */
  readonly url?: string;
  readonly inFlight: number;
  readonly iterations: number;
}

const answer = JSON.stringify(cancelledUpload);
const instantFetch: typeof fetch = async (input, init) => {
  // As a real fetch does first, so that bare fetch pays for the check of its headers too.
  new Request(input, init);
  return new Response(answer, { headers: { "content-type": "application/json", "x-request-id": "req_abc123" } });
};

const [program = "", load = ""] = process.argv.slice(2);
const { url, inFlight, iterations }: Load = JSON.parse(load);
if (url === undefined) globalThis.fetch = instantFetch;
const { connect }: { connect(baseUrl: string): (uploadId: string) => Promise<unknown> } = await import(program);
const cancel = connect(url ?? "https://api.openai.com/v1");
const uploadIds = Array.from({ length: inFlight }, () => "upload_abc123");

process.on("message", async () => {
  const bench = new Bench({ iterations, time: 0, warmup: false, throws: true });
  const [task] = await bench.add(program, () => Promise.all(uploadIds.map(cancel))).run();
  if (task?.result.state === "completed") process.send?.((task.result.latency.mean * 1_000) / inFlight);
});
process.once("disconnect", () => process.exit());
