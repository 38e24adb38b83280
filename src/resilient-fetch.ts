import { check } from "./check.js";
import { type Call, ConnectionError, InvalidResponseError, secretsOf, TimeoutError } from "./errors.js";
import { printable } from "./redact.js";
import { retryAfter } from "./retry-after.js";
import { type AbortGroup, bounded, sleep } from "./waiting.js";

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
export const MAX_RETRY_AFTER = 60_000;
/** The most that is read of a body, in bytes. */
const MAX_BODY_SIZE = 1024 * 1024;
/** What a longer one is replaced by. */
const TOO_LONG = "a body over 1 MiB";
/** The longest time that a timer can keep, in ms. */
const MAX_OPTION = 2 ** 31 - 1;
/** The statuses below 500 that may pass: request time-out, conflict, too many requests. */
const RETRYABLE_STATUSES: readonly number[] = [408, 409, 429];
/** The codes for a certificate that is not trusted, which it won't be on the next attempt either. */
const UNTRUSTED_CERTIFICATE = /CERT|LEAF_SIGNATURE/;

/** The statuses whose Response can't even have an empty body. */
const NULL_BODY_STATUSES: readonly number[] = [204, 205];

/** When to stop trying. */
export interface RetryOptions {
  /** How often to try again after the first attempt. Default: 2. */
  readonly maxRetries?: number | undefined;
  /**
   * How long one attempt may take, its body included, in ms; 0 for no limit but the platform's own (Node's `fetch` waits
   * 5 minutes). Default: 30,000.
   */
  readonly timeout?: number | undefined;
}

/** What a call heeds if it is one of many. */
export interface Run {
  /**
   * Resolves when the next attempt may be sent, or nothing more is; rejects as soon as one of the signals aborts.
   * Undefined if there is nothing to wait for.
   */
  readonly ready: (signals: readonly AbortSignal[]) => Promise<void> | undefined;
  /** Once it aborts, nothing more is sent: neither a first attempt nor another. What is in flight ends as it would. */
  readonly noMore: AbortSignal;
  /** Called after each attempt that failed; `wait` is in how many ms the next one follows, undefined if none does. */
  readonly failed: (call: Call, failure: Answer | ConnectionError, wait: number | undefined) => void;
  /** The group of the next attempt. */
  readonly group: () => AbortGroup;
  /** Nothing more is sent, for this reason. */
  readonly stop: (reason: unknown) => void;
}

export interface ResilientFetchOptions extends RetryOptions {
  /** The headers of the attempt that follows. */
  readonly headers: () => Headers | Promise<Headers>;
  /** Whose signal the next attempt has. */
  readonly group: () => AbortGroup;
  /** Sends one attempt. */
  readonly fetch: (headers: Headers, signal: AbortSignal) => Promise<Response>;
  /** Each aborts the call. */
  readonly signals: readonly AbortSignal[];
  readonly call: Call;
  readonly run?: Run | undefined;
}

/** A response, and its body, which has been read. */
export interface Answer {
  readonly response: Response;
  readonly text: string;
}

/** @throws TypeError if an option makes no sense. */
export function checkRetryOptions({ maxRetries, timeout }: RetryOptions): void {
  checkCount("maxRetries", maxRetries);
  checkCount("timeout", timeout);
}

function checkCount(name: string, value = 0): void {
  const isCount = Number.isInteger(value) && value >= 0 && value <= MAX_OPTION;
  check(isCount, name, `a whole number from 0 to ${MAX_OPTION}`);
}

/**
 * A fetch that tries again what may pass, bounds how long an attempt takes and how much of a body it reads, and follows
 * no redirect. The body is read to its end, so that one cut short is tried again too.
 *
 * @returns The last answer, which may be a refusal.
 * @throws ConnectionError, TimeoutError, InvalidResponseError, what `headers` throws, or the reason of an abort.
 */
export async function resilientFetch(options: ResilientFetchOptions): Promise<Answer> {
  const { call, run, signals, maxRetries = DEFAULT_MAX_RETRIES, timeout = DEFAULT_TIMEOUT } = options;
  let outcome: Answer | ConnectionError | undefined;

  for (let retries = 0; ; ) {
    const wait = run?.ready(signals);
    if (wait) await wait;
    if (run?.noMore.aborted) break;

    const sentBefore = call.sent.length;
    const timeIsUp = () => {
      const missing = call.sent.length > sentBefore ? "answer" : "API key";
      return new TimeoutError(call, `no ${missing} within ${timeout} ms`);
    };
    try {
      const group = options.group();
      const attempt = (isStopped: () => boolean) => exchange(options, group.signal, isStopped);
      outcome = await bounded(signals, attempt, { ms: timeout, timeIsUp, group });
      if (outcome.response.ok) break;
    } catch (error) {
      for (const signal of signals) signal.throwIfAborted();
      if (run?.noMore.aborted && error === run.noMore.reason) break;
      if (!(error instanceof ConnectionError)) throw error;
      outcome = error;
    }

    // A rate limit is for all calls of a run to wait for, and no failure of this one.
    const isFree = run !== undefined && maxRetries > 0 && "response" in outcome && outcome.response.status === 429;
    const delay = isFree || retries < maxRetries ? waitAfter(outcome, retries) : undefined;
    run?.failed(call, outcome, delay);
    if (delay === undefined) break;
    if (!isFree) retries += 1;
    await sleep(delay, signals, run?.noMore);
  }

  if (outcome === undefined) throw run?.noMore.reason;
  if (outcome instanceof ConnectionError) throw outcome;
  return outcome;
}

async function exchange(
  options: ResilientFetchOptions,
  signal: AbortSignal,
  isStopped: () => boolean,
): Promise<Answer> {
  const { call, fetch, run } = options;
  let sent: Headers;
  try {
    sent = await options.headers();
  } catch (error) {
    run?.stop(error); // No other call can be sent either.
    throw error;
  }
  if (isStopped()) throw new Error("Too late to send it");
  run?.noMore.throwIfAborted();
  call.sent.push(sent);

  let response: Response;
  let text: string;
  let isReadable = false;
  try {
    response = await fetch(sent, signal);
    isReadable = typeof response.text === "function" && !response.bodyUsed;
    text = isReadable ? await read(response, isStopped) : "";
  } catch (thrown) {
    const cause = printable(secretsOf(call), thrown);
    throw new ConnectionError(call, `no answer, ${reasonOf(cause)}`, cause);
  }
  if (!isStopped()) call.answers += 1; // What comes too late is no answer.

  const refuse = (problem: string) => new InvalidResponseError(call, response, text, problem);
  const { ok, status, headers } = response;
  if (isRedirect(response)) throw refuse(`redirect refused, to ${headers.get("location") ?? "an unknown place"}`);
  if (!(status >= 200 && status <= 599)) throw refuse("is not an HTTP status");
  if (!isReadable) throw refuse("with a body that can't be read: your fetch should read that of a clone()");
  if (ok && text === TOO_LONG) throw refuse(`with ${text}`);
  return { text, response: response instanceof Response ? response : unread({ response, text }) };
}

async function read(response: Response, isStopped: () => boolean): Promise<string> {
  // A `fetch` of the caller's own may answer with another kind of stream, or with none.
  if (!response.body?.getReader) return await response.text();
  const reader = response.body.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let remaining = isRedirect(response) ? -1 : MAX_BODY_SIZE;
  while (remaining >= 0 && !isStopped()) {
    const { value: chunk } = await reader.read();
    // Most bodies are one chunk, which needs no Blob to be put together.
    if (!chunk) return chunks.length > 1 ? new Blob(chunks).text() : new TextDecoder().decode(chunks[0]);
    chunks.push(chunk);
    remaining -= chunk.byteLength;
  }
  reader.cancel().catch(() => {}); // How the rest ends doesn't matter.
  return isRedirect(response) ? "" : TOO_LONG;
}

/** The response as if it had not been read yet. */
export function unread({ response, text }: Answer): Response {
  const { status, headers, url } = response;
  const body = NULL_BODY_STATUSES.includes(status) ? null : text;
  const copy = new Response(body, { status, headers: [...(headers ?? [])] });
  return Object.defineProperty(copy, "url", { value: url });
}

/** A browser hides what a redirect was, and a `fetch` of the caller's own may have followed it. */
function isRedirect({ type, redirected, status }: Response): boolean {
  return type === "opaqueredirect" || redirected || (status >= 300 && status < 400);
}

/** In how many ms to try again; undefined if not at all. */
function waitAfter(outcome: Answer | ConnectionError, retries: number): number | undefined {
  const backoff = Math.min(FIRST_DELAY * 2 ** retries, MAX_DELAY) * (1 - JITTER * Math.random());
  if (outcome instanceof ConnectionError) return isUntrusted(outcome.cause) ? undefined : backoff;
  const wait = retryAfter(outcome.response.headers) ?? backoff;
  return isRetryable(outcome.response) && wait <= MAX_RETRY_AFTER ? wait : undefined;
}

function isRetryable({ status, headers }: Response): boolean {
  const shouldRetry = headers.get("x-should-retry")?.trim();
  if (shouldRetry === "true") return true;
  return shouldRetry !== "false" && (status >= 500 || RETRYABLE_STATUSES.includes(status));
}

function isUntrusted(error: unknown): boolean {
  const { code, cause }: Record<string, unknown> = Object(error);
  return UNTRUSTED_CERTIFICATE.test(String(code)) || (cause !== undefined && isUntrusted(cause));
}

/** What went wrong: fetch's own error says "fetch failed", and only its cause says why. */
function reasonOf(error: unknown): string {
  const cause: unknown = Object(error).cause ?? error;
  const { message, code }: Record<string, unknown> = Object(cause);
  return String(message || code || (typeof cause === "string" && cause) || "connection lost");
}
