import { isKeyError, type ResolvedOptions } from "./client.js";
import { type ClientError, ConnectionError } from "./errors.js";
import { askedMs, backoff, endsRun, isApiWide, isOverload, isRetryable, ownSchedule, type Schedule } from "./retry.js";
import { bounded, throwIfAborted } from "./timing.js";

/** A run pauses after this many API-wide failures in a row, or as many as there are calls if that is more. */
const FAILURES_TO_PAUSE = 5;
/** The first delay of a pause, and its shortest after a failure, in ms. With 500, much of the allowed rate went unused. */
const MIN_DELAY = 100;
/** Each success after a pause multiplies the number of attempts that can be in flight by this. */
const GROWTH = 1.5;
/** After this many rejections while other calls got through, a failure counts as the call's own. */
const MAX_REJECTIONS = 50;

/** Thrown for a call that made no attempt because the run ended first. */
export class NotSent extends Error {}

/** What a run is doing. Times are those of `performance.now()`, in ms. */
export interface RunState {
  /** How many attempts are in flight, other than those that were sent before the last pause. */
  readonly inFlight: number;
  readonly waitingSince: number;
  /** Defined from the start of a pause until an attempt succeeds. */
  readonly paused: Pick<Pause, "since" | "error" | "resumesAt" | "endsAt"> | undefined;
}

interface Pause {
  readonly since: number;
  /** The last failure: of the attempt that was to end the pause, or else the one that began it. */
  readonly error: ClientError;
  readonly failedAt: number;
  readonly failures: number;
  readonly resumesAt: number;
  /** When the run ends if no attempt succeeds. */
  readonly endsAt: number;
  /** Whether `endsAt` has passed. Calls that others overtook then fail; if one that wasn't overtaken fails, the run ends. */
  readonly isOverdue: boolean;
}

/** What a run knows of a call, and of its last attempt. */
interface RunCall {
  readonly maxWait: number;
  error?: ClientError;
  /** How many pauses there had been when its last attempt was sent. */
  pauses: number;
  /** How many calls had succeeded when it was first sent, or last rejected. */
  answersBefore: number;
  /** How often it was rejected while others succeeded. */
  rejections: number;
}

/**
 * What the calls of a run share. When the API asks for fewer requests or is down, the run pauses: all calls wait. It
 * resumes slowly, with one attempt in flight at first and more with each success.
 */
export class Run {
  /** How many calls are under way: in flight, or waiting. */
  calls = 0;
  readonly #controller = new AbortController();
  readonly ended: AbortSignal = this.#controller.signal; // aborts when the run ends
  readonly #waiting: (() => void)[] = [];
  #limit = Number.POSITIVE_INFINITY;
  #inFlight = 0;
  #pause: Pause | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined; // set while nothing can be sent
  #pauses = 0;
  #failuresInARow = 0;
  #answers = 0;
  #waitingSince = 0;

  get state(): RunState {
    return { inFlight: this.#inFlight, waitingSince: this.#waitingSince, paused: this.#pause };
  }

  /** Ends the run: nothing more is sent, and attempts in flight finish. */
  end(reason: unknown): void {
    clearTimeout(this.#timer);
    this.#controller.abort(reason);
    for (const wake of this.#waiting) wake();
  }

  /** The schedule of one of its calls. */
  schedule(options: ResolvedOptions): Schedule {
    const call: RunCall = { maxWait: options.maxWait, pauses: 0, answersBefore: 0, rejections: 0 };
    const own = ownSchedule(options); // for failures that have nothing to do with other calls
    return {
      ready: (signals) => this.#enter(call, own, signals),
      succeeded: () => this.#answered(call),
      failed: (error) => {
        call.error = error;
        const delay = this.#failed(call, error);
        if (this.#isOver(call) || options.maxRetries === 0 || !isRetryable(error)) return undefined;
        return delay ?? own.failed(error);
      },
      interrupted: (error) => {
        if (isKeyError(error)) this.end(error);
        this.#leave(call);
      },
    };
  }

  /** Waits until there is room for an attempt. @throws The call's last error, or NotSent, if there won't be any. */
  async #enter(call: RunCall, own: Schedule, signals: readonly AbortSignal[]): Promise<void> {
    await own.ready([...signals, this.ended])?.catch(() => {}); // The reason is thrown below.
    throwIfAborted(signals);
    while (!this.#isOver(call) && (this.#timer || this.#inFlight + 1 > this.#limit)) {
      await bounded(signals, () => new Promise<void>((wake) => this.#waiting.push(wake)));
    }
    if (this.#isOver(call)) throw call.error ?? new NotSent();
    call.pauses = this.#pauses;
    if (!call.error) call.answersBefore = this.#answers;
    if (this.#inFlight === 0) this.#waitingSince = performance.now();
    this.#inFlight += 1;
  }

  #leave(call: RunCall): void {
    if (call.pauses === this.#pauses) this.#inFlight -= 1;
    this.#wake();
  }

  #isOver(call: RunCall): boolean {
    const isOvertaken = call.rejections > 0 || this.#answers > call.answersBefore;
    return this.ended.aborted || (this.#pause?.isOverdue === true && call.error !== undefined && isOvertaken);
  }

  /** The API answered this call, with a success or with an error about this call only. */
  #answered(call: RunCall): undefined {
    this.#waitingSince = performance.now();
    this.#failuresInARow = 0;
    this.#answers += 1;
    if (call.pauses === this.#pauses && !this.#timer) {
      this.#pause = undefined;
      this.#limit *= GROWTH;
    }
    this.#leave(call);
  }

  /** @returns How long until the run resumes, in ms; undefined if the failure is the call's own. */
  #failed(call: RunCall, error: ClientError): number | undefined {
    if (endsRun(error, call.maxWait)) this.end(error);
    if (!isApiWide(error)) return this.#answered(call);
    if (!(error instanceof ConnectionError)) this.#waitingSince = performance.now();
    this.#failuresInARow += 1;
    if (this.#answers > call.answersBefore) call.rejections += 1;
    call.answersBefore = this.#answers;
    const isOutage = this.#failuresInARow >= Math.max(FAILURES_TO_PAUSE, this.calls);
    const shouldPause = call.rejections < MAX_REJECTIONS && (this.#pause || isOverload(error) || isOutage);
    const delay = shouldPause && !this.ended.aborted ? this.#pauseAfter(call, error) : undefined;
    this.#leave(call);
    return delay;
  }

  #pauseAfter(call: RunCall, error: ClientError): number {
    const now = performance.now();
    const asked = askedMs(error);
    const last = this.#pause;
    let delay: number;
    if (last && call.pauses !== this.#pauses) {
      delay = Math.max(last.resumesAt - now, asked ?? 0);
      this.#pause = { ...last, resumesAt: now + delay };
    } else {
      const { since, endsAt, failures } = last ?? { since: now, endsAt: now + call.maxWait, failures: 0 };
      // Only a second failure after `endsAt` counts: before the first, the process may have been suspended.
      const isOverdue = last !== undefined && last.failedAt >= endsAt;
      const ownDelay = Math.max(Math.min(backoff(MIN_DELAY, failures), endsAt - now), MIN_DELAY);
      delay = Math.max(asked ?? ownDelay, last ? MIN_DELAY : 0);
      this.#pause = { since, error, failedAt: now, failures: failures + 1, resumesAt: now + delay, endsAt, isOverdue };
      this.#pauses += 1;
      this.#limit = 1;
      this.#inFlight = 0; // Attempts sent before the pause can take long, so they no longer count.
      if (isOverdue && call.rejections === 0) this.end(error);
    }
    if (this.ended.aborted) return delay;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#wake();
    }, delay);
    return delay;
  }

  /** Wakes as many calls as there is room for, at random: in any fixed order, one can be rejected again and again. */
  #wake(): void {
    let room = this.#timer ? 0 : this.#limit - this.#inFlight;
    if (this.#pause?.isOverdue) room = this.#waiting.length; // Those that are over fail, and the others wait again.
    for (; room >= 1 && this.#waiting.length > 0; room -= 1) {
      this.#waiting.splice(Math.floor(Math.random() * this.#waiting.length), 1)[0]?.();
    }
  }
}
