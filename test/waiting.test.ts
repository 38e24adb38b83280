import { getEventListeners } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { AbortGroup, bounded, Pace } from "../src/waiting.js";

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

test("a signal that calls share aborts when the last of them has ended, if one was stopped", async () => {
  const group = new AbortGroup();
  let answer = (_text: string) => {};
  const answered = bounded(
    [],
    () =>
      new Promise<string>((resolve) => {
        answer = resolve;
      }),
    { group },
  );
  const stopped = bounded([], () => new Promise(() => {}), { ms: 1, timeIsUp: () => "too late", group });
  await expect(stopped).rejects.toBe("too late");
  expect(group.signal.aborted).toBe(false);
  answer("answer");
  expect(await answered).toBe("answer");
  expect(group.signal.aborted).toBe(true);
  expect(group.signal.reason).toBe("too late");
});

test("a signal that calls share never aborts if all of them end by themselves", async () => {
  const group = new AbortGroup();
  const failing = bounded([], () => Promise.reject("no"), { group });
  await Promise.all([bounded([], async () => 1, { group }), expect(failing).rejects.toBe("no")]);
  expect(group.signal.aborted).toBe(false);
});

test("a group is open to ten calls, and for ten milliseconds", () => {
  vi.useFakeTimers();
  const full = new AbortGroup();
  for (let call = 1; call < 10; call += 1) full.join();
  expect(full.isOpen).toBe(true);
  full.join();
  expect(full.isOpen).toBe(false);

  const old = new AbortGroup();
  vi.advanceTimersByTime(9);
  expect(old.isOpen).toBe(true);
  vi.advanceTimersByTime(1);
  expect(old.isOpen).toBe(false);
});
