import { vi } from "vitest";

/**
 * Stops the clock of the timers; gives how many of 30 s or more are left. Node's own, which may be set meanwhile for the
 * connections of earlier tests, are shorter.
 */
export function fakeWaits(): () => number {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const set = vi.spyOn(globalThis, "setTimeout");
  const clear = vi.spyOn(globalThis, "clearTimeout");
  return () => {
    const timers = set.mock.results.filter((_, call) => Number(set.mock.calls[call]?.[1]) >= 30_000);
    return timers.filter(({ value }) => !clear.mock.calls.some(([timer]) => timer === value)).length;
  };
}
