// Runs the command with the arguments that are given; without any, it cancels an Upload at a mock of the contract.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { contract, startPrism } from "../contract/prism.js";

async function cancelUpload(args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const command = spawn(process.execPath, ["--import", "tsx", "src/cli/cli.ts", ...args], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  process.on("SIGINT", () => {}); // Ctrl-C reaches the command too, which decides when it is over.
  process.on("SIGTERM", () => command.kill("SIGTERM"));
  const [exitCode] = await once(command, "exit");
  process.exitCode = exitCode;
}

const args = process.argv.slice(2);
if (args.length > 0) {
  await cancelUpload(args);
} else {
  await using prism = await startPrism("mock", contract, "--errors");
  process.stderr.write("Cancelling upload_abc123 at a mock of the contract; for the API, name an Upload\n");
  await cancelUpload(["--json", "upload_abc123"], { OPENAI_BASE_URL: prism.url, OPENAI_API_KEY: "sk-mock" });
}
