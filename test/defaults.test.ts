import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RETRY_DEFAULTS } from "../src/retry.js";
import { cli } from "./support/cli.js";
import { readme } from "./support/readme.js";
import { run } from "./support/run.js";

const { stdout } = await run(process.execPath, [cli, "--help"]);
const help = stdout.replaceAll(/\s+/g, " ");
const types = readFileSync("dist/index.d.ts", "utf8").replaceAll(/\s+(?:\* )?/g, " ");

test.for(Object.entries(RETRY_DEFAULTS))(
  "the README, the option's description and --help give the default of %s",
  ([name, value]) => {
    const isTime = name !== "maxRetries";
    const documented = value.toLocaleString("en");
    expect(readme).toContain(`| \`${name}\` | ${documented}${isTime ? " ms" : ""} |`);
    expect(types).toContain(`Default: ${documented}. */ readonly ${name}?:`);
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const [, shown] = new RegExp(`${flag} .*?\\(default: (.*?)\\)`).exec(help) ?? [];
    expect(shown).toBe(isTime ? `${value / 1_000}s` : documented);
  },
);
