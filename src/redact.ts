import { stringify } from "./text.js";

/** The headers that carry credentials. Any of them replaces the API key, and errors hide what it carries. */
const CREDENTIAL_HEADERS = ["authorization", "api-key", "x-api-key"];

/** The shortest credential that is hidden, in characters: a shorter one occurs in ordinary words. */
const MIN_CREDENTIAL_LENGTH = 6;
/** How many levels of causes are copied: an error can be its own cause. */
const MAX_CAUSES = 8;

export function hasCredential(headers: Headers): boolean {
  return CREDENTIAL_HEADERS.some((name) => headers.has(name));
}

/** The credentials in a request's headers, which must never show. */
export function credentialsOf(headers: Headers): string[] {
  return CREDENTIAL_HEADERS.flatMap((name) => {
    const value = headers.get(name) ?? "";
    const credential = name === "authorization" ? value.replace(/^[\w-]+ +/, "") : value; // without its scheme
    const parts = credential.split(/[\s,;]+/);
    // Some schemes carry several values, as name="value" pairs.
    return [credential, ...parts, ...parts.flatMap((part) => part.slice(part.indexOf("=") + 1).split('"'))];
  });
}

/**
 * A copy of a JSON value in which neither a string nor a property name shows a credential. Numbers stay: they contain the
 * digits of a key only by chance, and whoever reads the JSON needs them as they are.
 */
export function redact<Json>(credentials: readonly string[], value: Json): Json {
  const hide = createRedactor(credentials);
  return JSON.parse(
    stringify(value, (_name, part) => {
      if (typeof part === "string") return hide(part);
      if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
      return Object.fromEntries(Object.entries(part).map(([name, member]) => [hide(name), member]));
    }),
  );
}

/** A copy of a thrown value that is safe to print: its name, message, code and cause, without credentials. */
export function copyError(credentials: readonly string[], thrown: unknown, depth: number = MAX_CAUSES): unknown {
  const hide = createRedactor(credentials);
  if (Object(thrown) !== thrown) return thrown && hide(String(thrown));

  const copy = new Error();
  try {
    const { name, message, code, cause }: Readonly<Record<string, unknown>> = Object(thrown);
    for (const [field, value] of Object.entries({ name, message, code })) {
      if (typeof value === "string") Object.assign(copy, { [field]: hide(value) });
    }
    if (depth > 0 && cause != null) {
      Object.defineProperty(copy, "cause", { value: copyError(credentials, cause, depth - 1) });
    }
  } catch {
    // A property that throws when it is read has nothing to tell.
  }
  copy.stack = String(copy);
  return copy;
}

/** Hides the credentials in a text, as they are and as a URL, JSON and CSV escape them. */
export function createRedactor(credentials: readonly string[]): (text: string) => string {
  const hidden = credentials.filter(({ length }) => length >= MIN_CREDENTIAL_LENGTH);
  const escaped = (text: string) => [JSON.stringify(text).slice(1, -1), text.replaceAll('"', '""')];
  const forms = hidden.flatMap((text) => [text, encodeURIComponent(text), ...escaped(text)]);
  forms.sort((one, other) => other.length - one.length); // One can be part of another.
  return (text) => forms.reduce((shown, form) => shown.replaceAll(form, "***"), text);
}
