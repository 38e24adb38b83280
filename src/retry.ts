import { type Check, type Checks, check, checkFunction } from "./check.js";
import type { ResolvedOptions } from "./client.js";
import { ApiError, type ClientError, ConnectionError, causesOf, InvalidResponseError } from "./errors.js";
import { sleep } from "./timing.js";

/** Times in ms. */
export const RETRY_DEFAULTS = { maxRetries: 2, timeout: 30_000, maxWait: 120_000 };

/** The delay before the first retry of a call, in ms. */
const FIRST_DELAY = 500;
/** The longest delay that a client chooses itself, in ms. */
const MAX_DELAY = 8_000;
/** The share of a delay that is left out at random, so that clients that failed together don't come back together. */
const JITTER = 0.25;

/** The statuses below 500 that can be temporary: request timeout, conflict, too many requests. */
const RETRYABLE_STATUSES: readonly number[] = [408, 409, 429];
/** The statuses by which an API or a gateway asks for fewer requests: too many requests, unavailable (overloaded). */
const OVERLOAD_STATUSES: readonly number[] = [429, 503];
/** The statuses below 500 that indicate an API-wide problem: no permission, request timeout, too many requests. */
const API_WIDE_STATUSES: readonly number[] = [403, 408, 429];
/** The codes of errors that a retry can't fix: an untrusted certificate, no TLS, a bad argument. */
const HOPELESS_CODES = /CERT|LEAF_SIGNATURE|^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$|ERR_INVALID_ARG/;
/** What undici, and so Node, says if a proxy refuses to connect: it wants a password, or forbids the address. */
const REFUSED_BY_PROXY = /^Proxy (response \((407|403)\)|Authentication Required)/;

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
   * `cancelUploads()` also how long to keep trying while nothing gets through. Default: 120,000.
   */
  readonly maxWait?: number | undefined;
  /**
   * Called for each failed attempt that will be retried, with its error and the delay before the next one, in ms. The
   * retry waits for it, and the call rejects with what it throws.
   */
  readonly onRetry?: ((error: ClientError, delay: number) => unknown) | undefined;
}

function wholeNumber(unit = "", note = ""): Check {
  return (value, name) => {
    const isCount = Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_OPTION;
    check(isCount, name, `a whole number${unit} from 0 to ${MAX_OPTION}${note}`);
  };
}

export const RETRY_OPTIONS: Checks<RetryOptions> = {
  maxRetries: wholeNumber(),
  timeout: wholeNumber(" of milliseconds", "; 0 means no limit"),
  maxWait: wholeNumber(" of milliseconds"),
  onRetry: checkFunction,
};

/** Decides when a call makes its attempts, based on how earlier ones ended. */
export interface Schedule {
  /** Resolves when the next attempt can be made. Rejects if there will be none, or if one of the signals aborts. */
  ready(signals: readonly AbortSignal[]): Promise<void> | undefined;
  succeeded(): void;
  /** @returns How long until the next attempt, in ms; undefined if the error is the call's result. */
  failed(error: ClientError): number | undefined;
  /** The attempt was aborted, or couldn't be made: nothing was learned about the API. */
  interrupted(error: unknown): void;
}

/** The schedule of a call on its own. */
export function ownSchedule({ maxRetries, maxWait }: Pick<ResolvedOptions, "maxRetries" | "maxWait">): Schedule {
  let retries = 0;
  let delay = 0;
  return {
    ready: (signals) => {
      const ms = delay;
      delay = 0;
      return ms > 0 ? sleep(ms, signals) : undefined;
    },
    failed: (error) => {
      const asked = askedMs(error);
      if (retries >= maxRetries || !isRetryable(error) || (asked ?? 0) > maxWait) return undefined;
      delay = asked ?? backoff(FIRST_DELAY, retries);
      retries += 1;
      return delay;
    },
    succeeded: () => {},
    interrupted: () => {},
  };
}

/** The next delay, in ms: doubles each time, up to 8 s, minus random jitter. */
export function backoff(first: number, failures: number): number {
  return Math.min(first * 2 ** failures, MAX_DELAY) * (1 - JITTER * Math.random());
}

/** How long the API asks to wait, in ms; undefined if it doesn't say. */
export function askedMs(error: ClientError): number | undefined {
  return error instanceof ApiError ? (error.retryAfter ?? undefined) : undefined;
}

/** Whether another attempt can help. */
export function isRetryable(error: ClientError): boolean {
  if (error instanceof ConnectionError) {
    return !isRefusedByProxy(error) && !causesOf(error).some(({ code }) => HOPELESS_CODES.test(String(code)));
  }
  if (!(error instanceof ApiError)) return false;
  const shouldRetry = error.headers.get("x-should-retry");
  if (shouldRetry === "true" || shouldRetry === "false") return shouldRetry === "true";
  return !isQuotaExhausted(error) && (error.status >= 500 || RETRYABLE_STATUSES.includes(error.status));
}

/** Whether the API asks for fewer requests. */
export function isOverload(error: ClientError): boolean {
  return error instanceof ApiError && OVERLOAD_STATUSES.includes(error.status);
}

/** Whether the error has nothing to do with what the call asked for. */
export function isApiWide(error: ClientError): boolean {
  if (error instanceof ApiError) return error.status >= 500 || API_WIDE_STATUSES.includes(error.status);
  // A success without an ID comes from a proxy, a captive portal or a maintenance page.
  return !(error instanceof InvalidResponseError && typeof Object(error.body).id === "string");
}

/** Whether every other call would fail as well, however long it waits. */
export function endsRun(error: ClientError, maxWait: number): boolean {
  if (!(error instanceof ApiError)) return isRefusedByProxy(error);
  return error.status === 401 || isQuotaExhausted(error) || (isApiWide(error) && (askedMs(error) ?? 0) > maxWait);
}

/** Whether the API may have acted despite the error. A 503 means that it didn't; other 5xx don't tell. */
export function isUnconfirmed(error: ClientError): boolean {
  return error instanceof ConnectionError || (error instanceof ApiError && error.status >= 500 && error.status !== 503);
}

/** Waiting doesn't bring back a quota: it takes a payment, or a higher limit. */
function isQuotaExhausted({ code, type }: ApiError): boolean {
  return code === "insufficient_quota" || type === "insufficient_quota";
}

function isRefusedByProxy(error: ClientError): boolean {
  return causesOf(error).some(({ message }) => REFUSED_BY_PROXY.test(String(message)));
}
