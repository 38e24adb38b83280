/** The shortest credential that is hidden, in characters; a shorter one would be found in the midst of words. */
const MIN_LENGTH = 6;

/** What shows no credential of its request: neither the key, nor what a gateway's headers carry in its place. */
export interface Redact {
  text(text: string): string;
  /** Any JSON value; its strings are redacted, its keys and the rest are as they were. */
  json(value: unknown): unknown;
  headers(headers: Headers): Headers;
  /** Anything that was thrown: itself, or where it shows a credential an error with its message redacted. */
  error(error: unknown): unknown;
}

/** Some servers, and some libraries' errors, repeat the credentials that they were given. */
export function redactFor(request: Request | undefined): Redact {
  const credentials = [
    request?.headers.get("authorization")?.replace(/^\S+ /, "") ?? "",
    request?.headers.get("api-key") ?? "",
  ].filter(({ length }) => length >= MIN_LENGTH);

  const text = (text: string) => credentials.reduce((shown, credential) => shown.replaceAll(credential, "***"), text);
  return {
    text,
    json(value) {
      if (typeof value === "string") return text(value);
      if (value === undefined || credentials.length === 0) return value;
      try {
        return JSON.parse(JSON.stringify(value), (_key, part) => (typeof part === "string" ? text(part) : part));
      } catch {
        return "JSON that is nested too deeply to be shown"; // deeper than the stack
      }
    },
    headers(headers) {
      const shown = new Headers(headers);
      for (const [name, value] of headers) if (text(value) !== value) shown.set(name, text(value));
      return shown;
    },
    error(error) {
      const shown = error instanceof Error ? `${error.stack} ${error.message}` : String(error);
      return text(shown) === shown ? error : new Error(text(shown));
    },
  };
}
