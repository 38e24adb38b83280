import { setImmediate } from "node:timers/promises";
import { onTestFinished, vi } from "vitest";

/**
 * Replaces the clock and its timers.
 *
 * @param now The date, if a test depends on it.
 * @returns A function that counts the pending timers of 30 s or more. Node's own, which belong to the connections of earlier
 * tests, are shorter.
 */
export function fakeTimers(now: string | number = Date.now()): () => number {
  vi.useFakeTimers({ now: new Date(now), toFake: ["setTimeout", "clearTimeout", "Date"] });
  const set = vi.spyOn(globalThis, "setTimeout");
  const clear = vi.spyOn(globalThis, "clearTimeout");
  onTestFinished(() => {
    set.mockRestore();
    clear.mockRestore();
    vi.useRealTimers();
  });
  return () => {
    const timers = set.mock.results.filter((_, call) => Number(set.mock.calls[call]?.[1]) >= 30_000);
    return timers.filter(({ value }) => !clear.mock.calls.some(([timer]) => timer === value)).length;
  };
}

/** Waits for something that happens soon, or much later if the machine is busy. Works with fake timers. */
export async function until(condition: () => boolean): Promise<void> {
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
  });
  while (!condition() && !isOver) await setImmediate();
}
