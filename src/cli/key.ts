import { createRedactor } from "../redact.js";

/** A key of this length, in characters, can't be part of an ID by chance. */
const LONG_KEY = 20;
/** How many levels of a foreign value are shown. */
const MAX_DEPTH = 100;
/** A text without what can surround a key, as in `OPENAI_API_KEY="sk-…"`. */
const PARTS = /[^\s"'`=:,]+/g;

/** Whether a text that a user typed is an API key, or contains one. */
export function containsKey(text: string, key: string): boolean {
  const parts = [text, ...(text.match(PARTS) ?? [])];
  return parts.some((part) => isKey(part, key)) || (key.length >= LONG_KEY && text.includes(key));
}

/** A text that a user typed, without any API key. */
export function hideTypedKeys(text: string, key: string): string {
  return createRedactor([key])(text).replace(PARTS, (part) => (isKey(part, key) ? "***" : part));
}

/**
 * A copy of a foreign value in which neither a text nor a property name shows the key. Numbers stay: they contain the digits
 * of a key only by chance, and whoever reads the JSON needs them as they are.
 */
export function hideKey(value: unknown, key: string, depth: number = MAX_DEPTH): unknown {
  const hide = createRedactor([key]);
  if (typeof value !== "object" || value === null) return typeof value === "string" ? hide(value) : value;
  if (depth === 0) return "(nested too deeply)"; // so that no value overflows the stack
  if (Array.isArray(value)) return value.map((item) => hideKey(item, key, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [hide(name), hideKey(item, key, depth - 1)]));
}

function isKey(part: string, key: string): boolean {
  return /^(-\w)?sk-/.test(part) || (part !== "" && part === key);
}
