import { createRedactor } from "../redact.js";

/** A key of this length, in characters, can't be part of an ID by chance. */
const LONG_KEY = 20;
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

function isKey(part: string, key: string): boolean {
  return /^(-\w)?sk-/.test(part) || (part !== "" && part === key);
}
