import { expect, test } from "vitest";
import { Seen } from "../../src/cli/seen.js";

test("of 100,000 texts of every length each is new once, and only once", () => {
  const seen = new Seen();
  const texts = Array.from({ length: 100_000 }, (_, n) => `${n}_`.padEnd(1 + (n % 256), "x"));
  const expected = new Set<string>();
  for (const text of [...texts, ...texts]) {
    expect(seen.add(text)).toBe(!expected.has(text));
    expected.add(text);
  }
});

test("texts that are alike are told apart", () => {
  const seen = new Seen();
  const texts = ["a", "aa", "b", "ab", "ba", "a".repeat(255), "a".repeat(256)];
  expect(texts.map((text) => seen.add(text))).toEqual(texts.map(() => true));
  expect(texts.map((text) => seen.add(text))).toEqual(texts.map(() => false));
});
