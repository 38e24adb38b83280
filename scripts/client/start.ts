// Cancels one Upload with the CLI: at the API where there is a key and an Upload is named, else at a mock of the contract.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { contract, startPrism } from "../contract/prism.js";

const [uploadId = "upload_abc123"] = process.argv.slice(2);

async function cancel(where: string, env: Record<string, string>): Promise<void> {
  process.stderr.write(`Cancelling ${uploadId} at ${where}\n`);
  const cli = spawn(process.execPath, ["--import", "tsx", "src/cli/cli.ts", "--json", uploadId], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  const [exitCode] = await once(cli, "exit");
  process.exitCode = exitCode;
}

if (process.env["OPENAI_API_KEY"] && process.argv.length > 2) {
  await cancel(process.env["OPENAI_BASE_URL"] || "the OpenAI API", {});
} else {
  await using prism = await startPrism("mock", contract, "--errors");
  await cancel("a mock of the contract (for the real API, set OPENAI_API_KEY and name an Upload)", {
    OPENAI_BASE_URL: prism.url,
    OPENAI_API_KEY: "sk-mock",
  });
}
