import { hiding } from "../redact.js";

/** The API key from the environment; empty if there is none. */
export const key: string = process.env["OPENAI_API_KEY"]?.trim() ?? "";

/** Replaces the key, which a server or a user may repeat, as it is or escaped in JSON. */
export const hideKey: (text: string) => string = hiding([key, JSON.stringify(key).slice(1, -1)]);

/** Whether the text is an API key or contains one, as in `OPENAI_API_KEY=sk-…`. */
export function containsKey(text: string): boolean {
  return [text, ...text.split(/[\s"'`=:,]+/)].some((part) => part.startsWith("sk-") || (part !== "" && part === key));
}
