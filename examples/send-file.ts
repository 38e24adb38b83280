// Sends a file to OpenAI in parts. If that fails, or if you press Ctrl-C, it cancels the upload.
//
//   npx tsx examples/send-file.ts FILE

import { createHash } from "node:crypto";
import { openAsBlob } from "node:fs";
import { access } from "node:fs/promises";
import { basename, extname } from "node:path";
import OpenAI from "openai";
import { CancelFailedError, cancelOnFailure, createClient } from "openai-cancel-upload";

const PART_SIZE = Number(process.env["PART_SIZE"]) || 64 * 1024 * 1024; // OpenAI accepts up to 64 MB per part.
const CONCURRENCY = 4;
const MIME_TYPES: Record<string, string> = { ".jsonl": "application/jsonl", ".pdf": "application/pdf" };

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error("Usage: npx tsx examples/send-file.ts FILE");
  process.exit(2);
}

const openai = new OpenAI(); // Like createClient(), it takes the key from OPENAI_API_KEY.
const client = createClient();
await access(path); // If there is no such file, this error names it; openAsBlob()'s doesn't.
const file = await openAsBlob(path, { type: MIME_TYPES[extname(path)] ?? "text/plain" });
const md5 = createHash("md5");
for await (const chunk of file.stream()) md5.update(chunk);

const upload = await openai.uploads.create({
  filename: basename(path),
  bytes: file.size,
  mime_type: file.type,
  purpose: "user_data",
});

const stop = new AbortController();
const { signal } = stop;
process.once("SIGINT", () => {
  console.error(`Stopping and cancelling ${upload.id} (press Ctrl-C again to stop without cancelling)`);
  stop.abort();
});
let completing = false;

try {
  const completed = await cancelOnFailure(client, upload.id, async () => {
    const body = { part_ids: await sendParts(), md5: md5.digest("hex") };
    completing = true;
    // If the response is lost, the upload may already be complete, and a retry would only get an error.
    return openai.uploads.complete(upload.id, body, { signal, maxRetries: 0 });
  });
  console.log(completed.file?.id);
} catch (error) {
  process.exitCode = signal.aborted ? 130 : 1;
  if (error instanceof CancelFailedError) {
    const state = completing ? "be complete" : "still be pending";
    console.error(error.errors.join("\n"));
    console.error(`${upload.id} may ${state}. To try to cancel it again: cancel-upload ${upload.id}`);
  } else {
    console.error(`${error}\nCancelled ${upload.id}`);
  }
}

/** Sends a few parts at a time, and returns their IDs in the file's order. */
async function sendParts(): Promise<string[]> {
  const ids: string[] = [];
  const failures: unknown[] = [];
  let next = 0;
  async function sendNext(): Promise<void> {
    while (next * PART_SIZE < file.size && failures.length === 0) {
      const index = next++;
      const data = new File([file.slice(index * PART_SIZE, (index + 1) * PART_SIZE)], "part");
      try {
        const part = await openai.uploads.parts.create(upload.id, { data }, { signal });
        ids[index] = part.id;
      } catch (error) {
        failures.push(error); // Not thrown yet: the parts in flight must arrive before the cancel.
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, sendNext));
  if (failures.length > 0) throw failures[0];
  return ids;
}
