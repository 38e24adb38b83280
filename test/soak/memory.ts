import { cli, envFor } from "../support/cli.js";
import { run } from "../support/run.js";

/** @returns The peak memory of a dry run with this many lines, in MB. */
export async function peakMemory(lines: number): Promise<number> {
  const input = Array.from({ length: lines }, (_, n) => `upload_${n.toString(16).padStart(32, "0")}\n`).join("");
  const report = 'process.on("exit", () => console.error("kB:", process.resourceUsage().maxRSS))';
  const args = ["--import", `data:text/javascript,${encodeURIComponent(report)}`, cli, "--dry-run", "-"];
  const { stderr } = await run(process.execPath, args, { env: envFor("https://api.openai.com/v1"), input });
  return Number(/kB: (\d+)/.exec(stderr)?.[1]) / 1e3;
}
