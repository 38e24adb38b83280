import { ApiError, type Call, ClientError, ConnectionError, InvalidResponseError } from "./errors.js";
import { type Answer, MAX_RETRY_AFTER, type Run } from "./resilient-fetch.js";
import { parse } from "./text.js";
import { AbortGroup, Pace } from "./waiting.js";

/** A run stops after so many failures in a row that tell of the API, and not of what was asked: the next would fail too. */
const MAX_FAILURES_IN_A_ROW = 20;
/** Calls in flight fail together, so that those of one wave don't count as more than a few in a row. */
const MAX_WAVES = 2;
/** The statuses below 500 that tell of the API: the key is refused, it may not do that, too slow, too many requests. */
const STATUSES_OF_THE_API: readonly number[] = [401, 403, 408, 429];

/** What many calls have in common: if the API asks one of them to wait, all wait; and all can be stopped. */
export class SharedRun implements Run {
  readonly #pace = new Pace();
  readonly #controller = new AbortController();
  readonly #onRetry: (error: ClientError, wait: number) => void;
  #group = new AbortGroup();
  #failuresInARow = 0;
  /** How many calls are in flight at once. */
  concurrency = 1;

  /** @param onRetry Told of each attempt that failed and is followed by another, and in how many ms. */
  constructor(onRetry: (error: ClientError, wait: number) => void = () => {}) {
    this.#onRetry = onRetry;
  }

  get noMore(): AbortSignal {
    return this.#controller.signal;
  }

  /** How many ms until a request may be sent; 0 if it may be now. */
  get wait(): number {
    return this.#pace.remaining;
  }

  /** Nothing more is sent; the reason is that of `noMore`. */
  stop(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  ready(signals: readonly AbortSignal[] = []): Promise<void> | undefined {
    return this.wait > 0 ? this.#pace.ready(signals, this.noMore) : undefined;
  }

  group(): AbortGroup {
    if (!this.#group.isOpen) this.#group = new AbortGroup();
    return this.#group;
  }

  failed(call: Call, failure: Answer | ConnectionError, wait: number | undefined): void {
    const error =
      failure instanceof ConnectionError ? failure : new ApiError(call, failure.response, parse(failure.text));
    if (error instanceof ApiError) {
      if (isHopeless(error)) this.stop(error);
      else if (error.status === 429) {
        this.#pace.hold(error.retryAfter ?? wait ?? 0);
        if (wait !== undefined) this.#count(error); // Waited for, it does not reject.
      }
    }
    if (wait !== undefined && !this.noMore.aborted) this.#onRetry(error, wait);
  }

  /** One of the calls resolved. */
  succeeded(): void {
    this.#failuresInARow = 0;
  }

  /** One of the calls rejected, after its last attempt. */
  rejected(error: unknown): void {
    if (!(error instanceof ClientError)) return; // Of a bad argument, or an abort, nothing follows.
    if (tellsOfApi(error)) this.#count(error);
    else this.#failuresInARow = 0;
  }

  #count(error: ClientError): void {
    this.#failuresInARow += 1;
    if (this.#failuresInARow >= Math.max(MAX_FAILURES_IN_A_ROW, MAX_WAVES * this.concurrency)) this.stop(error);
  }
}

/** Whether the next call would fail as this one did, for certain. */
function isHopeless(error: ApiError): boolean {
  const { status, code, type, retryAfter } = error;
  const asksTooMuch = tellsOfApi(error) && (retryAfter ?? 0) > MAX_RETRY_AFTER;
  return status === 401 || [code, type].includes("insufficient_quota") || asksTooMuch;
}

/** Whether the next call may well fail as this one did. */
function tellsOfApi(error: ClientError): boolean {
  if (error instanceof ApiError) return error.status >= 500 || STATUSES_OF_THE_API.includes(error.status);
  // An Upload that is not cancelled says nothing of the others.
  return !(error instanceof InvalidResponseError && typeof Object(error.body).id === "string");
}
