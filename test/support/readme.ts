import { readFileSync } from "node:fs";

export const readme: string = readFileSync("README.md", "utf8");

/** The README's code blocks in this language. */
export function codeBlocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, blockLanguage, code]) =>
    blockLanguage === language && code !== undefined ? [code] : [],
  );
}
