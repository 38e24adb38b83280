import { check } from "./check.js";
import { ApiError, type ClientError, ConnectionError } from "./errors.js";

/** Times in ms. */
export const RETRY_DEFAULTS = { maxRetries: 2, timeout: 30_000, maxWait: 60_000 };

/** The delay before the first retry, in ms. It doubles with each retry, … */
const FIRST_DELAY = 500;
/** … up to this many ms, … */
const MAX_DELAY = 8_000;
/** … minus up to this share at random, so that clients that failed together don't come back together. */
const JITTER = 0.25;

/** The statuses below 500 that may pass: request timeout, conflict, too many requests. */
const RETRYABLE_STATUSES: readonly number[] = [408, 409, 429];
/** The codes of TLS errors that the next attempt would run into as well: an untrusted certificate, or no TLS at all. */
const HOPELESS_TLS = /CERT|LEAF_SIGNATURE|^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/;

/** The largest number that an option can be: the longest time that a timer can keep, in ms. */
const MAX_OPTION = 2 ** 31 - 1;

/** When a call retries, and when it stops trying. */
export interface RetryOptions {
  /** How many times to retry after the first attempt. Default: 2. */
  readonly maxRetries?: number | undefined;
  /**
   * How long one attempt can take, including the body, in ms; 0 for no limit other than the platform's (Node's `fetch`
   * waits for 5 minutes). Default: 30,000.
   */
  readonly timeout?: number | undefined;
  /**
   * The longest wait that the API can ask for, in ms; if it asks for more, the call rejects instead. In a run of
   * `cancelUploads()` also how long to keep trying while nothing gets through. Default: 60,000.
   */
  readonly maxWait?: number | undefined;
  /** Called for each failed attempt that will be retried, with its error and the delay before the next one, in ms. */
  readonly onRetry?: ((error: ClientError, delay: number) => void) | undefined;
}

/** @throws TypeError that names the option. */
export function checkRetryOptions({ maxRetries = 0, timeout = 0, maxWait = 0, onRetry }: RetryOptions): void {
  for (const [name, value] of Object.entries({ maxRetries, timeout, maxWait })) {
    const isCount = Number.isInteger(value) && value >= 0 && value <= MAX_OPTION;
    check(isCount, name, `a whole number from 0 to ${MAX_OPTION}`);
  }
  check(onRetry === undefined || typeof onRetry === "function", "onRetry", "a function");
}

/**
 * The delay before the next attempt, in ms; undefined if a retry can't help.
 *
 * @param retries How many retries there have been.
 */
export function delayAfter(error: ClientError, retries: number, maxWait: number): number | undefined {
  const asked = waitOf(error);
  return isRetryable(error) && (asked ?? 0) <= maxWait ? (asked ?? backoff(retries)) : undefined;
}

export function isRetryable(error: ClientError): boolean {
  if (error instanceof ConnectionError) return !isHopeless(error.cause);
  if (!(error instanceof ApiError)) return false;
  const shouldRetry = error.headers.get("x-should-retry")?.trim();
  if (shouldRetry === "true" || shouldRetry === "false") return shouldRetry === "true";
  return !isQuotaExhausted(error) && (error.status >= 500 || RETRYABLE_STATUSES.includes(error.status));
}

/** Waiting doesn't bring back a quota: it takes a payment, or a higher limit. */
export function isQuotaExhausted({ code, type }: ApiError): boolean {
  return code === "insufficient_quota" || type === "insufficient_quota";
}

/** How long the API asks to wait, in ms; undefined if it doesn't say. */
export function waitOf(error: ClientError): number | undefined {
  return error instanceof ApiError ? (error.retryAfter ?? undefined) : undefined;
}

/** In ms: 0.5 s, 1 s, 2 s … up to 8 s, each minus a random share. */
export function backoff(retries: number): number {
  return Math.min(FIRST_DELAY * 2 ** retries, MAX_DELAY) * (1 - JITTER * Math.random());
}

function isHopeless(cause: unknown): boolean {
  const { code, cause: inner }: Record<string, unknown> = Object(cause);
  return HOPELESS_TLS.test(String(code)) || (inner !== undefined && isHopeless(inner));
}
