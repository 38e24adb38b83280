/** The shortest credential that is hidden, in characters: a shorter one is found in the midst of words. */
const MIN_LENGTH = 6;

/** A JSON value without the credentials of the request, which some servers repeat. */
export function redact<Json>(request: Request | undefined, value: Json): Json {
  let json = stringify(value);
  for (const header of ["authorization", "api-key"]) {
    const credential = request?.headers.get(header)?.split(" ").at(-1) ?? "";
    if (credential.length >= MIN_LENGTH) json = json?.replaceAll(JSON.stringify(credential).slice(1, -1), "***");
  }
  return json === undefined ? value : JSON.parse(json);
}

/** As JSON, which takes any that was parsed from JSON, but for what is nested deeper than the stack. */
export function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return '"JSON that is nested too deeply"';
  }
}
