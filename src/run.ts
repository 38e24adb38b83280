import { ApiError, type Call, type ClientError, ConnectionError } from "./errors.js";
import { type Answer, MAX_RETRY_AFTER, type Run } from "./resilient-fetch.js";
import { parse } from "./text.js";
import { Pace } from "./waiting.js";

/** What many calls have in common: if the API asks one of them to wait, all wait; and all can be stopped. */
export class SharedRun implements Run {
  readonly #pace = new Pace();
  readonly #onFailure: (error: ClientError, wait: number | undefined) => void;
  readonly noMore: AbortSignal;

  /** @param onFailure Told of each attempt that failed, and in how many ms the next one follows; undefined if none does. */
  constructor(noMore: AbortSignal, onFailure: (error: ClientError, wait: number | undefined) => void = () => {}) {
    this.noMore = noMore;
    this.#onFailure = onFailure;
  }

  /** How many ms until a request may be sent; 0 if it may be now. */
  get wait(): number {
    return this.#pace.remaining;
  }

  ready(signals: readonly AbortSignal[]): Promise<void> {
    return this.#pace.ready(signals, this.noMore);
  }

  failed(call: Call, failure: Answer | ConnectionError, wait: number | undefined): void {
    const error =
      failure instanceof ConnectionError ? failure : new ApiError(call, failure.response, parse(failure.text));
    if (error instanceof ApiError && error.status === 429 && (error.retryAfter ?? 0) <= MAX_RETRY_AFTER) {
      this.#pace.hold(error.retryAfter ?? 0);
    }
    this.#onFailure(error, wait);
  }
}
