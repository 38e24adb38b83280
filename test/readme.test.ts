import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { codeBlocks, readme } from "./support/readme.js";

const { name, version, bin, scripts }: { name: string; version: string; bin: object; scripts: object } = JSON.parse(
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
      .replaceAll(/^\w+=\S+ /gm, "") // a variable for one command
      .split(/\n|&&|\|/)
      .filter((line) => line.trim() !== ""),
  );
  const commands = lines.map((line) => line.trim().split(/ +/));
  expect(commands.length).toBeGreaterThan(5);
  for (const [command, ...args] of commands) {
    if (command === "npm" && args[0] === "install") expect(args.at(-1)).toBe(`…/${name}-${version}.tgz`);
    else expect([...Object.keys(bin), "npm", "curl", "export", "jq"]).toContain(command);
  }
});

test.for(["README.md", "CONTRIBUTING.md"])("every file that %s links to exists", (file) => {
  const links = [...readFileSync(file, "utf8").matchAll(/\]\((?!https:)([^)#]+)\)/g)].map(([, link = ""]) => link);
  expect(links).not.toHaveLength(0);
  expect(links.filter((link) => !existsSync(link))).toEqual([]);
});

test("every file in src is on the map in CONTRIBUTING.md", () => {
  const contributing = readFileSync("CONTRIBUTING.md", "utf8");
  const [, map = ""] = /\| in `src` .*\n((?:\|.*\n)+)/.exec(contributing) ?? [];
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  expect([...map.matchAll(/`([\w/-]+\.ts)`/g)].map(([, file]) => file).sort()).toEqual(files.sort());
  expect(contributing.length).toBeLessThan(9_000);
});
