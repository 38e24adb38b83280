/** How much of what others say a message repeats, in characters. */
const EXCERPT_LENGTH = 300;

/** The start of a text, as a message shows it. */
export function excerpt(text: string): string {
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…` : text;
}

/** A body as a message shows it. */
export function asText(body: unknown): string {
  return (typeof body === "string" ? body : stringify(body)) || "(empty body)";
}

/** On one line, so that what a server says can neither break a log nor command a terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{C}\s]+/gu, " ").trim();
}

/** The JSON value, or the text if it is none. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** As JSON. What was parsed can always be written again, unless it is nested deeper than the stack. */
export function stringify(value: unknown, replacer?: (name: string, part: unknown) => unknown): string {
  try {
    return JSON.stringify(value, replacer);
  } catch {
    return '"JSON that is nested too deeply"';
  }
}
