import { describe, expect, test } from "vitest";
import { createAnnouncer, duration, progressLine, summary, Tally } from "../../src/cli/progress.js";
import { ApiError, type ClientError, ConnectionError } from "../../src/errors.js";
import type { RunState } from "../../src/run.js";

const START = 1_000_000;
const call = { name: "Cancelling upload_1", requests: [], unconfirmed: 0, maxWait: 60_000 };
const rateLimit = new ApiError(call, new Response(null, { status: 429 }), { error: { message: "Slow down" } });
const noResponse = new ConnectionError(call, "connection refused");

/** After so many seconds. */
function at(seconds: number): number {
  return START + seconds * 1_000;
}

function running(inFlight: number, waitingSince = 0): RunState {
  return { inFlight, waitingSince: at(waitingSince), paused: undefined };
}

function paused(error: ClientError, since: number, resumesAt: number, endsAt = since + 60): RunState {
  const times = { since: at(since), resumesAt: at(resumesAt), endsAt: at(endsAt) };
  return { inFlight: 1, waitingSince: at(since), paused: { error, ...times } };
}

function tally(counts: Partial<Tally>): Tally {
  return Object.assign(new Tally(), { startedAt: START }, counts);
}

describe("the progress line", () => {
  test.for<[string, Partial<Tally>, RunState, number, string]>([
    ["nothing in the first second of a single ID", { total: 1 }, running(1), 0.9, ""],
    ["a single ID without a response", { total: 1 }, running(1), 1, "1 in flight, no response for 1 s"],
    ["a single ID between two attempts", { total: 1 }, running(0), 3, ""],
    ["the position from the start", { total: 20_000 }, running(8), 0, "0 of 20,000  8 in flight"],
    [
      "the time left, at the rate of the results so far",
      { total: 20_000, succeeded: 1_204 },
      running(8, 7.5),
      8,
      "1,204 of 20,000, 2 min left  8 in flight",
    ],
    [
      "a time left that doesn't count skipped IDs as fast results",
      { total: 100, succeeded: 5, failed: 5, skipped: 40, duplicates: 10 },
      running(1, 10),
      10,
      "60 of 100, 40 s left  5 failed  1 in flight",
    ],
    [
      "silence, for as long as it lasts",
      { total: 3, succeeded: 1, failed: 1 },
      running(1, 5),
      20,
      "2 of 3, 10 s left  1 failed  1 in flight, no response for 15 s",
    ],
    ["no time left after the last ID", { total: 2, succeeded: 2 }, running(0, 3), 3, "2 of 2"],
    [
      "a rate if the total isn't known",
      { succeeded: 1_500 },
      running(8, 2),
      2,
      "1,500 cancelled, 0 failed  750/s  8 in flight",
    ],
    [
      "no rate below one per second",
      { succeeded: 1, failed: 1 },
      running(2, 3),
      3,
      "1 cancelled, 1 failed  2 in flight",
    ],
    ["no rate in the first second", { succeeded: 3 }, running(2, 0), 0.5, "3 cancelled, 0 failed  2 in flight"],
    [
      "for how long the run has been paused, what comes next, and why",
      { total: 1 },
      paused(noResponse, 8, 22),
      20,
      "paused for 12 s, next try in 2 s, giving up in 48 s: no response, connection refused",
    ],
    ["no 0 s", { total: 1 }, paused(rateLimit, 1, 6), 1.5, "paused, next try in 5 s, giving up in 60 s: 429 Slow down"],
    [
      "the attempt after a pause",
      { total: 1 },
      paused(rateLimit, 1, 6),
      6,
      "paused for 5 s, trying again, giving up in 55 s: 429 Slow down",
    ],
    [
      "the attempt after a suspended process has continued",
      { total: 1 },
      paused(rateLimit, 1, 6, 61),
      3_601,
      "paused for 60 min, trying again: 429 Slow down",
    ],
    [
      "no time left while the run is paused, because nobody knows",
      { total: 20_000, succeeded: 100, failed: 1 },
      paused(noResponse, 8, 22),
      20,
      "101 of 20,000  1 failed  paused for 12 s, next try in 2 s, giving up in 48 s: no response, connection refused",
    ],
  ])("shows %s", ([, counts, state, seconds, expected]) => {
    expect(progressLine(tally(counts), state, at(seconds))).toBe(expected);
  });

  test("calls a success what a dry run calls it", () => {
    expect(progressLine(tally({ success: "would be sent", succeeded: 2 }), running(0), START)).toBe(
      "2 would be sent, 0 failed",
    );
  });
});

describe("without a progress line, a run says", () => {
  test("when and why it pauses, and when it resumes", () => {
    const announce = createAnnouncer();
    expect(announce(running(8), at(0))).toBeUndefined();
    expect(announce(paused(noResponse, 10, 12), at(10.9))).toBe(
      "paused, next try in 2 s, giving up in 60 s: no response, connection refused",
    );
    expect(announce(paused(noResponse, 10, 78, 100), at(75))).toBeUndefined();
    expect(announce(running(8), at(80))).toBe("resumed: the API accepts requests again");
    expect(announce(running(8), at(150))).toBeUndefined();
    expect(announce(paused(rateLimit, 151, 153), at(151))).toBe(
      "paused, next try in 2 s, giving up in 60 s: 429 Slow down",
    );
  });

  test("so at most once a minute, even if it pauses every other second", () => {
    const announce = createAnnouncer();
    const announced = Array.from({ length: 601 }, (_, second) =>
      announce(second % 2 ? paused(rateLimit, second, second + 1) : running(8), at(second)),
    );
    const times = announced.flatMap((text, second) => (text === undefined ? [] : [second]));
    expect(times.length).toBeGreaterThan(8);
    for (const [index, time] of times.slice(1).entries())
      expect(time - Number(times[index])).toBeGreaterThanOrEqual(60);
  });

  test("not that it resumes if it never said that it paused", () => {
    const announce = createAnnouncer();
    announce(paused(rateLimit, 0, 1), at(0));
    announce(running(8), at(2));
    expect(announce(paused(rateLimit, 59, 65), at(61))).toBeUndefined();
    expect(announce(running(8), at(66))).toBe("resumed: the API accepts requests again");
  });
});

describe("the summary", () => {
  const failures = new Map([
    ["404 not found", 20],
    ["no response", 1_000],
  ]);

  test.for<[string, Partial<Tally>, boolean, string]>([
    ["counts", { total: 3, succeeded: 3 }, true, "3 cancelled, 0 failed"],
    [
      "failures of one kind",
      { failed: 20, failures: new Map([["404 not found", 20]]) },
      true,
      "0 cancelled, 20 failed: 404 not found",
    ],
    [
      "failures of several kinds, the most frequent first",
      { failed: 1_020, failures },
      true,
      "0 cancelled, 1,020 failed: 1,000 × no response; 20 × 404 not found",
    ],
    [
      "five kinds, and how many others there are",
      { failed: 50, failures: new Map(Array.from({ length: 9 }, (_, n) => [`kind ${n}`, n + 1])) },
      true,
      "0 cancelled, 50 failed: 9 × kind 8; 8 × kind 7; 7 × kind 6; 6 × kind 5; 5 × kind 4; 15 others",
    ],
    [
      "skipped IDs",
      { total: 5, succeeded: 3, skipped: 2 },
      true,
      "3 cancelled, 0 failed, 2 skipped (already cancelled)",
    ],
    ["how many IDs were not tried", { total: 3_000, succeeded: 1 }, false, "1 cancelled, 0 failed, 2,999 not tried"],
    [
      "that some were not tried, if the total isn't known",
      { succeeded: 1 },
      false,
      "1 cancelled, 0 failed, the rest not tried",
    ],
    [
      "nothing about IDs that were not tried if there are none",
      { total: 2, succeeded: 1, duplicates: 1 },
      false,
      "1 cancelled, 0 failed",
    ],
    [
      "everything at once",
      { total: 2_000, failed: 1_020, failures, skipped: 80 },
      false,
      "0 cancelled, 1,020 failed: 1,000 × no response; 20 × 404 not found; 80 skipped (already cancelled); 900 not tried",
    ],
  ])("shows %s", ([, counts, isComplete, expected]) => {
    expect(summary(tally(counts), isComplete)).toBe(expected);
  });
});

test("the kinds of a million failures that are all different take little memory", () => {
  const counts = tally({ total: 1_000_000 });
  for (let n = 0; n < 1_000_000; n += 1) counts.addFailure(`kind ${n}`);
  expect(counts.failures.size).toBeLessThan(10_000);
  expect(summary(counts, true)).toMatch(/^0 cancelled, 1,000,000 failed: 1 × kind 0; .*; 999,995 others$/);
});

test.for([
  [1, "1 s"],
  [119_000, "119 s"],
  [120_000, "2 min"],
  [3_600_000, "60 min"],
  [7_200_000, "2 h"],
  [-5, "0 s"],
] as const)("%i ms is %s", ([ms, words]) => {
  expect(duration(ms)).toBe(words);
});
