import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Process } from "./main.js";

/**
 * Signals within this time, in ms, are one request to stop: npx repeats Ctrl-C, bash repeats SIGHUP, and systemd sends SIGHUP
 * right after SIGTERM.
 */
const ONE_REQUEST = 100;
/** How long the last results can take to be written, in ms: nobody may be reading them. */
const LAST_RESULTS = 1_000;

/** Calls `stop` for each request to stop, with the exit code. The process exits soon after the second. */
export function handleSignals(process: Process, stop: (exitCode: number, isFirst: boolean) => void): void {
  let last: number | undefined;
  const handle = (signal: NodeJS.Signals) => {
    const [now, isFirst] = [performance.now(), last === undefined];
    if (last !== undefined && now - last < ONE_REQUEST) return;
    last = now;
    const exitCode = 128 + constants.signals[signal]; // like a shell
    stop(exitCode, isFirst);
    if (!isFirst) setTimeout(() => process.exit(exitCode), LAST_RESULTS).unref();
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  process.on("SIGHUP", wasHangupIgnored(process) ? () => {} : handle);
}

/** Whether `nohup` or `trap '' HUP` is in use. Node resets signals when it starts, so this looks at what came before it. */
function wasHangupIgnored({ env, ppid }: Process): boolean {
  if (/(^|\/)nohup$/.test(env["_"] ?? "")) return true;
  try {
    const mask = /^SigIgn:.*(.)$/m.exec(readFileSync(`/proc/${ppid}/status`, "utf8"))?.[1];
    return Number.parseInt(mask ?? "0", 16) % 2 === 1; // SIGHUP is the last bit
  } catch {
    return false; // not Linux
  }
}
