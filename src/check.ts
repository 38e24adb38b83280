/** @throws TypeError that says what was expected, but never shows what was given: it could be a key. */
export function check(ok: unknown, name: string, expected: string): asserts ok {
  if (!ok) throw new TypeError(`${name} must be ${expected}`);
}
