// Runs the command from source. Without arguments, it cancels an Upload against a mock of the API.
import { constants } from "node:os";
import { contract, startPrism } from "../contract/prism.js";

// npm passes a signal on to its shell, and the shell exits without passing it on.
const shell = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === shell) return;
  clearInterval(watch);
  process.kill(process.pid, "SIGTERM");
}, 100).unref();

if (process.argv.length > 2) {
  await import("../../src/cli/cli.js");
} else {
  // A signal on its own would skip this process's "exit" event, on which Prism is stopped.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
  await using prism = await startPrism(contract, "--errors");
  process.stderr.write(
    "Cancelling upload_abc123 against a mock of the API. To use the real one: npm start -- upload_…\n",
  );
  Object.assign(process.env, { OPENAI_BASE_URL: prism.url, OPENAI_API_KEY: "sk-mock" });
  process.argv.push("--json", "upload_abc123");
  await import("../../src/cli/cli.js");
}
