// Runs the command from source. Without arguments, it cancels an Upload against a mock of the API.
import { constants } from "node:os";
import { contract, endWithNpm, startPrism } from "../contract/prism.js";

endWithNpm();

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
  const { hostname } = new URL(prism.url); // is reached without the environment's proxy
  Object.assign(process.env, {
    OPENAI_BASE_URL: prism.url,
    OPENAI_API_KEY: "sk-mock",
    NO_PROXY: hostname,
    no_proxy: hostname,
  });
  process.argv.push("upload_abc123");
  await import("../../src/cli/cli.js");
}
