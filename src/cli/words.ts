import { ApiError } from "../errors.js";
import type { RunState } from "../run.js";
import type { Tally } from "./tally.js";

const SECOND = 1_000;
/** The shortest time between two announcements: an API that limits rates may close a run every other second. */
const ANNOUNCEMENT_INTERVAL = 60 * SECOND;

/** What to show at this time of `performance.now()`; empty if there is nothing to show. */
export function progressLine(tally: Tally, { inFlight, waitingSince, paused }: RunState, now: number): string {
  const { total, done, left = 0, success, succeeded, failed, startedAt } = tally;
  const elapsed = now - startedAt;
  if (total === 1 && elapsed < SECOND) return ""; // most calls take less
  const silence = now - waitingSince < SECOND ? "" : `, no response for ${duration(now - waitingSince, Math.floor)}`;
  const activity = paused ? pausedWords(paused, now) : inFlight > 0 ? `${inFlight} in flight${silence}` : "";
  if (total === 1) return activity;
  const rate = elapsed < SECOND ? 0 : ((succeeded + failed) / elapsed) * SECOND; // skipping takes no time
  if (total === undefined) {
    const perSecond = rate < 1 ? "" : `${count(Math.round(rate))}/s`;
    return join([`${count(succeeded)} ${success}, ${count(failed)} failed`, perSecond, activity]);
  }
  const timeLeft = rate === 0 || left === 0 || paused ? "" : `, ${duration((left / rate) * SECOND)} left`;
  const failures = failed > 0 ? `${count(failed)} failed` : "";
  return join([`${count(done)} of ${count(total)}${timeLeft}`, activity, failures]);
}

function pausedWords({ error, since, resumesAt, endsAt }: NonNullable<RunState["paused"]>, now: number): string {
  const nextTry = resumesAt > now ? `next try in ${duration(resumesAt - now)}` : "trying again";
  if (error instanceof ApiError && error.status === 429) return `rate limited, ${nextTry}`;
  return `API down for ${duration(now - since, Math.floor)}, giving up in ${duration(endsAt - now)}`;
}

/** Says when a run closes and opens again, for a log, given its state now and then. */
export function createAnnouncer(): (state: RunState, now: number) => string | undefined {
  let wasPaused = false;
  let lastTime = Number.NEGATIVE_INFINITY;
  return ({ paused }, now) => {
    if ((paused !== undefined) === wasPaused || now - lastTime < ANNOUNCEMENT_INTERVAL) return undefined;
    wasPaused = paused !== undefined;
    lastTime = now;
    return paused ? pausedWords(paused, now) : "the API accepts requests again";
  };
}

/** The last line about a run; `isComplete` if no ID is left. */
export function summary(tally: Tally, isComplete: boolean): string {
  const { success, succeeded, failed, failures, skipped, left } = tally;
  const kinds = [...failures].sort(([, a], [, b]) => b - a);
  const groups = kinds.map(([kind, number]) => (kinds.length === 1 ? kind : `${count(number)} × ${kind}`)).join(", ");
  const results = `${count(succeeded)} ${success}, ${count(failed)} failed${groups && `: ${groups}`}`;
  const already = skipped > 0 ? `${count(skipped)} skipped (already cancelled)` : "";
  const rest = isComplete || left === 0 ? "" : `${left === undefined ? "the rest" : count(left)} not tried`;
  return join([results, already, rest], groups ? "; " : ", ");
}

/** Rounded up by default, as time that is left should be. */
export function duration(ms: number, round: (value: number) => number = Math.ceil): string {
  const seconds = Math.max(round(ms / SECOND), 0);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${count(Math.round(minutes / 60))} h`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

export function join(texts: readonly string[], separator = "  "): string {
  return texts.filter((text) => text !== "").join(separator);
}
