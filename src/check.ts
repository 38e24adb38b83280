/** @throws TypeError which says what is expected, but never shows what was given: it may be a key. */
export function check(ok: boolean, name: string, expected: string): asserts ok {
  if (!ok) throw new TypeError(`${name} must be ${expected}`);
}
