import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** The first signal calls `stop`; the second calls `giveUp`, and the process exits soon. */
export function handleSignals(stop: () => void, giveUp: () => void): void {
  let received = 0;
  const handle = (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => {
    process.exitCode = 128 + constants.signals[signal]; // like a shell
    received += 1;
    if (received === 1) return stop();
    giveUp();
    setTimeout(() => process.exit(), 1_000).unref(); // nobody may be reading the last results
  };
  process.on("SIGINT", handle).on("SIGTERM", handle);
  process.on("SIGHUP", wasHangupIgnored() ? () => {} : handle);
}

/** Whether `nohup` or `trap '' HUP` is in use. Node resets signals when it starts, so this looks at what came before it. */
function wasHangupIgnored(): boolean {
  if (/(^|\/)nohup$/.test(process.env["_"] ?? "")) return true;
  try {
    const mask = /^SigIgn:.*(.)$/m.exec(readFileSync(`/proc/${process.ppid}/status`, "utf8"))?.[1];
    return Number.parseInt(mask ?? "0", 16) % 2 === 1; // SIGHUP is the last bit
  } catch {
    return false; // not Linux
  }
}
