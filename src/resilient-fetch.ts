import { bounded, sleep } from "./bounded.js";
import { type Call, ConnectionError, excerpt, InvalidResponseError, TimeoutError } from "./errors.js";

const DEFAULT_MAX_RETRIES = 2;
/** In ms. */
const DEFAULT_TIMEOUT = 30_000;
/** The wait before the first retry, in ms; it doubles with each, … */
const FIRST_DELAY = 500;
/** … up to this many ms, … */
const MAX_DELAY = 8_000;
/** … less up to this share at random, so that clients which failed together don't come back together. */
const JITTER = 0.25;
/** The longest wait that a server may ask for, in ms; a longer one is the caller's to decide on. */
const MAX_RETRY_AFTER = 60_000;
/** The most that is read of a body, in bytes. */
const MAX_BODY_SIZE = 1024 * 1024;
/** The longest time that a timer can keep, in ms. */
const MAX_TIMEOUT = 2 ** 31 - 1;
/** The statuses below 500 that may pass: request time-out, conflict, too many requests. */
const RETRYABLE_STATUSES: readonly number[] = [408, 409, 429];

/** How long to go on. */
export interface RetryOptions {
  /** How often to try again after the first attempt. Default: 2. */
  readonly maxRetries?: number | undefined;
  /** How long one attempt may take, its body included, in ms; 0 for no limit. Default: 30,000. */
  readonly timeout?: number | undefined;
}

/** What calls that share a limit have in common: where the server asks one of them to wait, all wait. */
export interface Pace {
  /** No request is sent before this time, of `performance.now()`. */
  notBefore: number;
}

export interface ResilientFetchOptions extends RetryOptions {
  readonly fetch: (request: Request, signal: AbortSignal) => Promise<Response>;
  /** Makes the request ready for the attempt that follows. */
  readonly prepare?: ((request: Request) => void | Promise<void>) | undefined;
  /** Gives the call up, as the request's own signal does. */
  readonly signals?: readonly (AbortSignal | null | undefined)[] | undefined;
  /** What the call is known as, and where its attempts are counted. */
  readonly call?: Call | undefined;
  readonly pace?: Pace | undefined;
}

/** @throws TypeError where an option is no number that makes sense. */
export function checkRetryOptions({ maxRetries = 0, timeout = 0 }: RetryOptions): void {
  if (!Number.isInteger(maxRetries) || maxRetries < 0) {
    throw new TypeError(`maxRetries must be a whole number, 0 or more; got ${show(maxRetries)}`);
  }
  if (typeof timeout !== "number" || !(timeout >= 0 && timeout <= MAX_TIMEOUT)) {
    throw new TypeError(`timeout must be a number of ms, from 0 (no limit) to ${MAX_TIMEOUT}; got ${show(timeout)}`);
  }
}

/**
 * A fetch that tries again what may pass, bounds how long an attempt takes and how much of a body it reads, and
 * follows no redirect. The response is read to its end, as text, so that a body cut short is tried again too.
 *
 * @throws ConnectionError, TimeoutError, InvalidResponseError, what `prepare` throws, or the reason of an abort.
 */
export async function resilientFetch(request: Request, options: ResilientFetchOptions): Promise<Response> {
  const {
    maxRetries = DEFAULT_MAX_RETRIES,
    timeout = DEFAULT_TIMEOUT,
    call = { operation: `${request.method} ${request.url}`, attempts: 0, unanswered: 0 },
    pace = { notBefore: 0 },
  } = options;
  const signals = [request.signal, ...(options.signals ?? [])].filter((signal) => signal != null);
  call.request = request;

  for (let retries = 0; ; retries += 1) {
    let wait: number | null = null;
    // Anew after each wait: another call may have been asked to wait longer meanwhile.
    while (performance.now() < pace.notBefore) await sleep(pace.notBefore - performance.now(), signals);
    try {
      const response = await bounded((signal) => attempt(request, options, call, signal), signals, {
        ms: timeout,
        error: () => new TimeoutError(call, `no answer within ${timeout} ms`),
      });
      wait = retryAfter(response.headers);
      if (retries === maxRetries || !isRetryable(response) || (wait ?? 0) > MAX_RETRY_AFTER) return response;
      if (response.status === 429) pace.notBefore = Math.max(pace.notBefore, performance.now() + (wait ?? 0));
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      call.unanswered += 1;
      if (retries === maxRetries) throw error;
    }
    await sleep(wait ?? backoff(retries), signals);
  }
}

async function attempt(
  request: Request,
  { fetch, prepare }: ResilientFetchOptions,
  call: Call,
  signal: AbortSignal,
): Promise<Response> {
  await prepare?.(request);
  signal.throwIfAborted();
  call.attempts += 1;

  let response: Response;
  let body: Body;
  try {
    // A body can be sent only once.
    response = await fetch(request.body ? request.clone() : request, signal);
    body = await read(response);
  } catch (cause) {
    throw new ConnectionError(call, `no answer, ${reasonOf(cause)}`, { cause });
  }
  if (isRedirect(response)) {
    const target = excerpt(response.headers.get("location") ?? "another place");
    throw new InvalidResponseError(call, `with a redirect to ${target}, which is refused`, response, body.text);
  }
  if (body.cut && response.ok) {
    throw new InvalidResponseError(call, "with a body over 1 MiB", response, body.text);
  }
  return new Response(response.body && body.text, response);
}

interface Body {
  readonly text: string;
  /** Whether there was more than may be read. */
  readonly cut: boolean;
}

async function read(response: Response): Promise<Body> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (;;) {
    const { value } = (await reader?.read()) ?? {};
    if (value === undefined) return { text: text + decoder.decode(), cut: false };
    size += value.byteLength;
    if (size > MAX_BODY_SIZE) {
      // The answer is known to be no good; how its connection ends doesn't matter.
      reader?.cancel().catch(() => {});
      return { text, cut: true };
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** A browser hides what a redirect was, and a `fetch` of the caller's own may have followed it. */
function isRedirect({ type, redirected, status }: Response): boolean {
  return type === "opaqueredirect" || redirected || (status >= 300 && status < 400);
}

function isRetryable({ ok, status, headers }: Response): boolean {
  if (ok) return false;
  const told = headers.get("x-should-retry");
  if (told === "true" || told === "false") return told === "true";
  return status >= 500 || RETRYABLE_STATUSES.includes(status);
}

/** How long the server asks to wait, in ms; null where it doesn't say, or nothing that makes sense. */
export function retryAfter(headers: Headers): number | null {
  const ms = decimal(headers.get("retry-after-ms"));
  if (!Number.isNaN(ms)) return ms;
  const after = headers.get("retry-after");
  const wait = after?.endsWith("GMT") ? Date.parse(after) - Date.now() : decimal(after) * 1000;
  return wait >= 0 ? wait : null;
}

function decimal(text: string | null): number {
  return text !== null && /^\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

function backoff(retries: number): number {
  return Math.min(FIRST_DELAY * 2 ** retries, MAX_DELAY) * (1 - JITTER * Math.random());
}

/** The innermost message: fetch's own is no more than "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return show(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  return error.message || ("code" in error ? show(error.code) : error.name);
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
