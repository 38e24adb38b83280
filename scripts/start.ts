// Cancels one Upload and prints it: at the API where there is a key and an Upload is named, else at a mock of the contract.
import { cancelUpload, createClient } from "../src/index.js";
import { contract, startPrism } from "./prism.js";

const [uploadId = "upload_abc123"] = process.argv.slice(2);

async function cancel(where: string, options: { baseUrl?: string; apiKey?: string }): Promise<void> {
  process.stderr.write(`Cancelling ${uploadId} at ${where}\n`);
  const upload = await cancelUpload(createClient(options), uploadId);
  process.stdout.write(`${JSON.stringify(upload, null, 2)}\n`);
}

if (process.env["OPENAI_API_KEY"] && process.argv.length > 2) {
  await cancel(process.env["OPENAI_BASE_URL"] || "the OpenAI API", {});
} else {
  await using prism = await startPrism("mock", contract, "--errors");
  await cancel("a mock of the contract (for the real API, set OPENAI_API_KEY and name an Upload)", {
    baseUrl: prism.url,
    apiKey: "sk-mock",
  });
}
