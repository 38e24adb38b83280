import type { RunState } from "../run.js";

const SECOND = 1_000;
const count = (value: number) => value.toLocaleString("en-US");
/** The shortest time between two announcements: an API that limits rates may pause a run every other second. */
const ANNOUNCEMENT_INTERVAL = 60 * SECOND;
/** How many kinds of failures are counted each on its own, and how many of them the summary shows. */
const MAX_KINDS = 1_000;
const SHOWN_KINDS = 5;

/** What has happened so far, in numbers. */
export class Tally {
  /** What a success is called. */
  success = "cancelled";
  /** How many IDs were given, including duplicates; undefined if that isn't known. */
  total: number | undefined;
  /** In ms of `performance.now()`. */
  startedAt: number = performance.now();
  succeeded = 0;
  skipped = 0;
  duplicates = 0;
  failed = 0;
  /** How many failed, by kind of failure. */
  readonly failures: Map<string, number> = new Map();

  addFailure(kind: string): void {
    this.failed += 1;
    if (!this.failures.has(kind) && this.failures.size >= MAX_KINDS) return;
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
  }

  get left(): number | undefined {
    const done = this.succeeded + this.failed + this.skipped + this.duplicates;
    return this.total === undefined ? undefined : this.total - done;
  }
}

/** What to show at this time of `performance.now()`; empty if there is nothing to show. */
export function progressLine(tally: Tally, { inFlight, waitingSince, paused }: RunState, now: number): string {
  const { total, left = 0, success, succeeded, failed, startedAt } = tally;
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
  return join([`${count(total - left)} of ${count(total)}${timeLeft}`, failures, activity]);
}

/** For how long a run has been paused, what comes next, and why it is paused. */
function pausedWords({ error, since, resumesAt, endsAt }: NonNullable<RunState["paused"]>, now: number): string {
  const elapsed = now - since < SECOND ? "" : ` for ${duration(now - since, Math.floor)}`;
  const next = resumesAt > now ? `next try in ${duration(resumesAt - now)}` : "trying again";
  const end = endsAt > now ? `, giving up in ${duration(endsAt - now)}` : "";
  return `paused${elapsed}, ${next}${end}: ${error.problem}`;
}

/** Says when a run pauses and resumes, for a log, given its state now and then. */
export function createAnnouncer(): (state: RunState, now: number) => string | undefined {
  let [wasPaused, lastTime] = [false, Number.NEGATIVE_INFINITY];
  return ({ paused }, now) => {
    if ((paused !== undefined) === wasPaused || now - lastTime < ANNOUNCEMENT_INTERVAL) return undefined;
    wasPaused = paused !== undefined;
    lastTime = now;
    return paused ? pausedWords(paused, now) : "resumed: the API accepts requests again";
  };
}

/** The last line about a run; `isComplete` if no ID is left. */
export function summary(tally: Tally, isComplete: boolean): string {
  const { success, succeeded, failed, failures, skipped, left } = tally;
  const kinds = [...failures].sort(([, a], [, b]) => b - a).slice(0, SHOWN_KINDS);
  const others = kinds.reduce((rest, [, number]) => rest - number, failed);
  const groups = kinds.map(([kind, number]) => (number === failed ? kind : `${count(number)} × ${kind}`));
  if (others > 0) groups.push(`${count(others)} others`);
  const results = join([`${count(succeeded)} ${success}, ${count(failed)} failed`, groups.join("; ")], ": ");
  const already = skipped > 0 ? `${count(skipped)} skipped (already cancelled)` : "";
  const rest = isComplete || left === 0 ? "" : `${left === undefined ? "the rest" : count(left)} not tried`;
  return join([results, already, rest], failed > 0 ? "; " : ", ");
}

/** Rounded up by default, as time that is left should be. */
export function duration(ms: number, round: (value: number) => number = Math.ceil): string {
  const seconds = Math.max(round(ms / SECOND), 0);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${count(Math.round(minutes / 60))} h`;
}

export function join(texts: readonly string[], separator = "  "): string {
  return texts.filter((text) => text !== "").join(separator);
}
