// Runs the command with the given arguments. Without arguments, it cancels an Upload at a mock of the API.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { contract, startPrism } from "../contract/prism.js";

async function runCommand(args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const command = spawn(process.execPath, ["--import", "tsx", "src/cli/cli.ts", ...args], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  process.on("SIGINT", () => {}); // Ctrl-C reaches the command too, which decides when to exit
  process.on("SIGTERM", () => command.kill("SIGTERM"));
  const [exitCode] = await once(command, "exit");
  process.exitCode = exitCode;
}

const args = process.argv.slice(2);
if (args.length > 0) {
  await runCommand(args);
} else {
  await using prism = await startPrism(contract, "--errors");
  process.stderr.write("Cancelling upload_abc123 at a mock of the API. To use the real one: npm start -- upload_…\n");
  await runCommand(["--json", "upload_abc123"], { OPENAI_BASE_URL: prism.url, OPENAI_API_KEY: "sk-mock" });
}
