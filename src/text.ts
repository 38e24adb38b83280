/** How much of a foreign text a message shows, in characters. */
const EXCERPT_LENGTH = 300;

/** The start of a text, for a message. */
export function excerpt(text: string): string {
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…` : text;
}

/** A body, for a message. Of an HTML page, which a gateway sends in place of JSON, only the title or heading. */
export function showBody(body: unknown): string {
  const text = typeof body === "string" ? body : stringify(body);
  if (!/^\s*(<[?!][^>]*>\s*)*<html\b/i.test(text)) return text || "(empty body)";
  const title = /<(?:title|h1)\b[^<>]*>([^<]+)/i.exec(text)?.[1]?.trim();
  return `(an HTML page${title ? `: "${title}"` : ""})`;
}

/** Any value as text. Not even `String()` has one for some. */
export function safeString(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}

/** Whether the value is an Error, also if it is one of another realm, as in a test environment such as jsdom. */
export function isError(value: unknown): value is Error {
  return "message" in Object(value);
}

/** On one line, so that a server can neither break a log nor send commands to a terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{C}\s]+/gu, " ").trim();
}

/** With its line breaks, but without what could send commands to a terminal. */
export function visible(text: string): string {
  return text.replace(/[^\P{C}\n]/gu, " ");
}

/** A value as JSON in which nothing can send commands to a terminal or change the order of what it shows. */
export function visibleJson(value: unknown): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\p{C}\u2028\u2029]/gu, (text) => text.split("").map(escaped).join(""));
}

/** The parsed JSON, or the text itself if it isn't JSON. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The value as JSON. Parsed JSON can always be written again, unless it is nested deeper than the stack. */
export function stringify(value: unknown, replacer?: (name: string, part: unknown) => unknown): string {
  try {
    return JSON.stringify(value, replacer);
  } catch {
    return '"JSON that is nested too deeply"';
  }
}
