/** Throws a TypeError if the value of this option can't be used. */
export type Check = (value: unknown, name: string) => void;

/** A check for each option: one that is missing doesn't compile. */
export type Checks<Options> = Readonly<Record<keyof Options, Check>>;

/** @throws TypeError that says what was expected, but never shows what was given: it could be a key. */
export function check(ok: unknown, name: string, expected: string): asserts ok {
  if (!ok) throw new TypeError(`${name} must be ${expected}`);
}

/**
 * Checks each option, and refuses a name that differs from a known one only in case, `-` or `_`: with `baseURL` or
 * `api_key` in place of ours, a gateway's key would go to OpenAI. Other unknown names are the platform's.
 */
export function checkOptions<Options extends object>(options: Options, checks: Readonly<Record<string, Check>>): void {
  check(Object(options) === options, "options", "an object");
  for (const name in options) {
    const known = name in checks ? name : Object.keys(checks).find((other) => plain(other) === plain(name));
    if (known === undefined) continue;
    if (known !== name) throw new TypeError(`${name} is not an option; use ${known}`);
    if (options[name] !== undefined) checks[known]?.(options[name], name);
  }
}

export const checkFunction: Check = (value, name) => check(typeof value === "function", name, "a function");

function plain(name: string): string {
  return name.replace(/[-_]/g, "").toLowerCase();
}
