/// <reference types="node" />
import { createInterface } from "node:readline";

const concurrency = Number(process.argv[2]);
const uploadIds = createInterface(process.stdin)[Symbol.asyncIterator]();

async function worker(): Promise<void> {
  for (let next = await uploadIds.next(); !next.done; next = await uploadIds.next()) {
    const response = await fetch(`${process.env["OPENAI_BASE_URL"]}/uploads/${next.value}/cancel`, {
      method: "POST",
      headers: { authorization: `Bearer ${process.env["OPENAI_API_KEY"]}` },
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    await response.json();
  }
}

await Promise.all(Array.from({ length: concurrency }, worker));
