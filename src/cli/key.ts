import { hiding } from "../redact.js";

/** The API key, as the environment has it; empty if it has none. */
export const key: string = process.env["OPENAI_API_KEY"]?.trim() ?? "";

// In JSON some of its characters are escaped.
const hide = hiding([key, JSON.stringify(key).slice(1, -1)]);

/** A text without the key, which a server may repeat, or somebody may have typed. */
export function hideKey(text: string): string {
  return hide(text);
}
