import { isKeyError } from "./client.js";
import { ApiError, type ClientError, ConnectionError, InvalidResponseError } from "./errors.js";
import { backoff, isQuotaExhausted, isRetryable, waitOf } from "./retry.js";
import { bounded } from "./timing.js";

/** A run closes after this many API-wide failures in a row, or as many as there are calls if that is more. */
const FAILURES_TO_CLOSE = 5;
/** A call that was the only one to be rejected this often no longer closes the run: its rate limit is its own. */
const MAX_REJECTIONS = 3;
/** The shortest wait after a failed probe, in ms, whatever the API asks for. */
const MIN_DELAY = 100;
/** The statuses below 500 that indicate an API-wide problem: no permission, timeout, too many requests. */
const API_WIDE_STATUSES: readonly number[] = [403, 408, 429];

/** One call's part in a run. */
export interface Turn {
  /** Why its last attempt failed. */
  error?: ClientError;
  /** How many calls had got through before its first attempt. */
  answersBefore?: number;
  /** How often it was the only call that was rejected before another one opened the run. */
  rejections: number;
}

/** Why a call that had no attempt failed: the run ended first. */
export class NotSent extends Error {}

/** What a run is doing. Times are those of `performance.now()`, in ms. */
export interface RunState {
  /** How many attempts are in flight. */
  readonly inFlight: number;
  /** Since when the run has been waiting for a response. */
  readonly waitingSince: number;
  /** Undefined while the run is open. */
  readonly closed: Closed | undefined;
}

interface Closed {
  readonly error: ClientError;
  readonly since: number;
  /** When the next probe goes out. */
  readonly nextTryAt: number;
  /** When the run gives up. */
  readonly endsAt: number;
}

/**
 * What the calls of a run share. When the API limits the rate or is down, the run closes, and all calls wait. While it is
 * closed, one call at a time goes out as a probe. When a probe gets through, the run opens.
 */
export class Run {
  /** How many calls are under way: in flight, or waiting. */
  calls = 0;
  readonly #maxWait: number;
  readonly #controller = new AbortController();
  /** Aborts when the run ends. */
  readonly ended: AbortSignal = this.#controller.signal;
  readonly #waiting = new Map<Turn, () => void>();
  /** The calls that were rejected since the run closed. */
  readonly #rejected = new Set<Turn>();
  #closed: Closed | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #probe: Turn | undefined;
  #failedProbes = 0;
  #failuresInARow = 0;
  #answers = 0;
  #inFlight = 0;
  #waitingSince = 0;
  #isLeft = false;

  /** @param maxWait How long the run stays closed before it ends, in ms. */
  constructor(maxWait: number) {
    this.#maxWait = maxWait;
  }

  get state(): RunState {
    return { inFlight: this.#inFlight, waitingSince: this.#waitingSince, closed: this.#closed };
  }

  /** Ends the run: nothing more is sent, and attempts in flight finish. */
  end(reason: unknown): void {
    clearTimeout(this.#timer);
    this.#controller.abort(reason);
    this.#admit();
  }

  /**
   * Ends the run, but calls that have had no attempt still get one: the consumer is gone, and couldn't be told that they
   * weren't sent.
   */
  leave(): void {
    if (this.ended.aborted) return;
    this.#isLeft = true;
    this.end(undefined);
  }

  /**
   * Called before each attempt. Waits while the run is closed, or until the call is the next probe.
   *
   * @throws The call's last error, or NotSent, once the run has ended.
   */
  async enter(turn: Turn, signals: readonly AbortSignal[]): Promise<void> {
    if (this.#closed && !this.ended.aborted) {
      const admitted = () =>
        new Promise<void>((admit) => {
          this.#waiting.set(turn, admit);
          this.#admit();
        });
      await bounded(signals, admitted).finally(() => this.#waiting.delete(turn));
    }
    if (this.ended.aborted && (turn.error || !this.#isLeft)) throw turn.error ?? new NotSent();
    turn.answersBefore ??= this.#answers;
    if (this.#inFlight === 0) this.#waitingSince = performance.now();
    this.#inFlight += 1;
  }

  /** The API answered what this call asked, for better or worse. */
  answered(turn: Turn): void {
    this.#waitingSince = performance.now();
    this.#failuresInARow = 0;
    this.#answers += 1;
    if (this.#release(turn)) this.#open(turn);
  }

  /** Nothing was learned about the API: the call was aborted, or could not be sent. */
  interrupted(turn: Turn, error: unknown): void {
    this.#release(turn);
    if (isKeyError(error)) this.end(error);
    this.#admit();
  }

  /**
   * An attempt failed.
   *
   * @returns How long until the next probe, in ms, if the failure doesn't count against the call; otherwise undefined.
   */
  failed(turn: Turn, error: ClientError): number | undefined {
    turn.error = error;
    if (!(error instanceof ConnectionError)) this.#waitingSince = performance.now();
    if (endsRun(error, this.#maxWait)) this.end(error);
    if (!isApiWide(error)) this.answered(turn);
    else if (this.#recordFailure(turn, error, this.#release(turn)) && this.#closed && isRetryable(error)) {
      return Math.max(this.#closed.nextTryAt - performance.now(), 0);
    }
    return undefined;
  }

  /** Returns true if the run will wait and retry, false if the failure counts against the call's own retries. */
  #recordFailure(turn: Turn, error: ClientError, wasProbe: boolean): boolean {
    const now = performance.now();
    this.#failuresInARow += 1;
    if (this.ended.aborted) return false;
    const asked = waitOf(error);
    if (this.#closed && !wasProbe) {
      this.#rejected.add(turn);
      const delay = Math.max(this.#closed.nextTryAt - now, asked ?? 0);
      this.#close({ ...this.#closed, nextTryAt: now + delay }, delay);
      return true;
    }
    const isRateLimit = error instanceof ApiError && error.status === 429;
    const failuresToClose = Math.max(FAILURES_TO_CLOSE, this.calls);
    const closes = turn.rejections < MAX_REJECTIONS && (isRateLimit || this.#failuresInARow >= failuresToClose);
    if (!this.#closed && !closes) return false;

    this.#rejected.add(turn);
    const { since, endsAt } = this.#closed ?? { since: now, endsAt: now + this.#maxWait };
    if (now >= endsAt) {
      if (this.calls > 1 || this.#answers === turn.answersBefore) this.end(error);
      else {
        turn.rejections = MAX_REJECTIONS; // It is the only call left, and others got through: the fault is its own.
        this.#open(turn);
      }
      return false;
    }
    const own = Math.min(backoff(this.#failedProbes), endsAt - now);
    const delay = wasProbe ? Math.max(asked ?? own, MIN_DELAY) : (asked ?? own);
    this.#failedProbes += 1;
    this.#close({ error, since, endsAt, nextTryAt: now + delay }, delay);
    return true;
  }

  #close(closed: Closed, delay: number): void {
    this.#closed = closed;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#admit();
    }, delay);
  }

  #open(by: Turn): void {
    const [only, ...others] = this.#rejected;
    if (only && only !== by && others.length === 0) only.rejections += 1;
    this.#rejected.clear();
    this.#closed = undefined;
    this.#failedProbes = 0;
    clearTimeout(this.#timer);
    this.#admit();
  }

  /** Admits all waiting calls, or the next probe when it is time for one: the call that was rejected least often. */
  #admit(): void {
    if (!this.#closed || this.ended.aborted) for (const admit of this.#waiting.values()) admit();
    else if (!this.#timer && !this.#probe) {
      const [next] = [...this.#waiting].sort(([one], [other]) => one.rejections - other.rejections);
      this.#probe = next?.[0];
      next?.[1]();
    }
  }

  /** Returns whether the call was the probe. */
  #release(turn: Turn): boolean {
    this.#inFlight -= 1;
    if (this.#probe !== turn) return false;
    this.#probe = undefined;
    return true;
  }
}

/** Whether every other call would fail as well. */
function endsRun(error: ClientError, maxWait: number): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.status === 401 || isQuotaExhausted(error) || (isApiWide(error) && (waitOf(error) ?? 0) > maxWait);
}

/** Whether the error has nothing to do with what the call asked for. */
function isApiWide(error: ClientError): boolean {
  if (error instanceof ApiError) return error.status >= 500 || API_WIDE_STATUSES.includes(error.status);
  // A success without an ID comes from a proxy, a captive portal or a maintenance page.
  return !(error instanceof InvalidResponseError && typeof Object(error.body).id === "string");
}
