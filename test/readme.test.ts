import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { codeBlocks, readme } from "./support/readme.js";

const { name, bin, scripts }: { name: string; bin: object; scripts: object } = JSON.parse(
  readFileSync("package.json", "utf8"),
);

test("every npm script in the README exists", () => {
  const named = [...readme.matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
    ([, script, lifecycle]) => script ?? lifecycle ?? "",
  );
  expect(named).not.toHaveLength(0);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
});

test("every command in the README's shell blocks is this package's, npm's or a common tool", () => {
  const lines = codeBlocks("sh").flatMap((block) =>
    block
      .replaceAll(/'[^']*'/g, "''")
      .replaceAll(/ *#.*\n/g, "\n")
      .split(/\n|&&|\|/)
      .filter((line) => line.trim() !== ""),
  );
  const commands = lines.map((line) => line.trim().split(/ +/));
  expect(commands.length).toBeGreaterThan(5);
  for (const [command, ...args] of commands) {
    if (command === "npx" || (command === "npm" && args[0] === "install")) expect(args).toContain(name);
    else expect([...Object.keys(bin), "npm", "curl", "export", "grep", "jq"]).toContain(command);
  }
});
