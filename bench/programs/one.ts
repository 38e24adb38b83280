// Cancels with one client. At each message it cancels a number of times and answers with the microseconds per cancel.
const [program = "", load = ""] = process.argv.slice(2);
const { url, inFlight, times, answer } = JSON.parse(load);

// Without a server, fetch answers instantly.
if (url === undefined) {
  globalThis.fetch = async (input, init) => {
    new Request(input, init); // As a real fetch does, so that bare fetch pays for this too.
    return new Response(answer, { headers: { "content-type": "application/json", "x-request-id": "req_abc123" } });
  };
}
const { connect } = await import(program);
const cancel = connect(url ?? "https://api.openai.com/v1");
const uploadIds = Array.from({ length: inFlight }, () => "upload_abc123");

process.on("message", async () => {
  const start = performance.now();
  for (let time = 0; time < times; time += 1) await Promise.all(uploadIds.map(cancel));
  process.send?.(((performance.now() - start) * 1_000) / (times * inFlight));
});
process.once("disconnect", () => process.exit());
