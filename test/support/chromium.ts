import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Launches Debian's Chromium, or the one that CHROMIUM names. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM"] || "/usr/bin/chromium";
  if (!existsSync(executablePath)) {
    throw new Error(
      `There is no Chromium at ${executablePath}. ` +
        "Install it (on Debian: apt-get install chromium), or set CHROMIUM to its path.",
    );
  }
  return chromium.launch({
    executablePath,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
}
