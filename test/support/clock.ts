import { onTestFinished, vi } from "vitest";

/** Stops the clock. @returns A function that moves it, by a time in ms. */
export function stopClock(): (ms: number) => void {
  let now = Math.ceil(performance.now()); // whole numbers add up exactly
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  onTestFinished(() => clock.mockRestore());
  return (ms) => {
    now += ms;
  };
}
