import { getEventListeners } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { Pace } from "../src/waiting.js";

afterEach(() => {
  vi.useRealTimers();
});

test("a pace that is held sleeps once for the rest of the wait, even if only the timers are faked and the clock stands still", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const pace = new Pace();
  pace.hold(60_000);
  const ready = pace.ready([]);
  await vi.runAllTimersAsync();
  await ready;
  expect(vi.getTimerCount()).toBe(0);
});

test("a pace that is held for longer while it waits goes on waiting", async () => {
  vi.useFakeTimers();
  const pace = new Pace();
  const isReady = vi.fn();
  pace.hold(1_000);
  const ready = pace.ready([]).then(isReady);
  await vi.advanceTimersByTimeAsync(500);
  pace.hold(2_000);
  await vi.advanceTimersByTimeAsync(1_900);
  expect(isReady).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  await ready;
});

test("a pace that is held for less meanwhile still waits for what it was held first", () => {
  vi.useFakeTimers();
  const pace = new Pace();
  pace.hold(2_000);
  pace.hold(1_000);
  expect(pace.remaining).toBe(2_000);
});

test("a wait that has ended leaves no listener on the signal that could have cut it short", async () => {
  vi.useFakeTimers();
  const { signal } = new AbortController();
  const pace = new Pace();
  pace.hold(1_000);
  const ready = pace.ready([], signal);
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  await vi.runAllTimersAsync();
  await ready;
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("a pace that is not held is ready at once", async () => {
  await new Pace().ready([]);
  expect(new Pace().remaining).toBe(0);
});
