import { type Call, ConnectionError, check, InvalidResponseError, TimeoutError } from "./errors.js";
import { bounded, type Pace, sleep } from "./waiting.js";

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
/** The most that an option can be: the longest time that a timer can keep, in ms. */
const MAX_OPTION = 2 ** 31 - 1;
/** The statuses below 500 that may pass: request time-out, conflict, too many requests. */
const RETRYABLE_STATUSES: readonly number[] = [408, 409, 429];

/** How long to go on. */
export interface RetryOptions {
  /** How often to try again after the first attempt. Default: 2. */
  readonly maxRetries?: number | undefined;
  /**
   * How long one attempt may take, its body included, in ms; 0 for no limit but the platform's own (Node's `fetch` waits
   * 5 minutes). Default: 30,000.
   */
  readonly timeout?: number | undefined;
}

/**
 * What a Request would be made of, where nobody but `fetch` gets to see it: to make one, and a Response that can be read
 * once more, takes a quarter of the client's time for a call.
 */
export class RequestParts {
  readonly url: string;
  readonly init: RequestInit & { readonly headers: Headers };
  readonly signal = null;
  readonly body = null;

  constructor(url: string, init: RequestParts["init"]) {
    this.url = url;
    this.init = init;
  }

  get headers(): Headers {
    return this.init.headers;
  }
}

export interface ResilientFetchOptions extends RetryOptions {
  readonly fetch: (request: Request | RequestParts, signal: AbortSignal) => Promise<Response>;
  /** Makes the request ready for the attempt that follows. */
  readonly prepare?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Gives the call up, as the request's own signal does. */
  readonly signals: readonly (AbortSignal | null | undefined)[];
  /** What the call is known as, and where its attempts are counted. */
  readonly call: Call;
  readonly pace?: Pace | undefined;
}

/** @throws TypeError where an option makes no sense. */
export function checkRetryOptions({ maxRetries = 0, timeout = 0 }: RetryOptions): void {
  checkCount("maxRetries", maxRetries);
  checkCount("timeout", timeout);
}

function checkCount(name: string, value: number): void {
  check(Number.isInteger(value) && value >= 0 && value <= MAX_OPTION, name, `a whole number from 0 to ${MAX_OPTION}`);
}

/**
 * A fetch that tries again what may pass, bounds how long an attempt takes and how much of a body it reads, and
 * follows no redirect. The response is read to its end, as text, so that a body cut short is tried again too.
 *
 * @throws ConnectionError, TimeoutError, InvalidResponseError, what `prepare` throws, or the reason of an abort.
 */
export async function resilientFetch(
  request: Request | RequestParts,
  options: ResilientFetchOptions,
): Promise<Response> {
  const { call, pace, maxRetries = DEFAULT_MAX_RETRIES, timeout = DEFAULT_TIMEOUT } = options;
  const signals = [request.signal, ...options.signals].filter((signal) => signal != null);
  const timeIsUp = () => new TimeoutError(call, `no answer within ${timeout} ms`);
  call.headers = request.headers;

  for (let retries = 0; ; retries += 1) {
    let wait: number | null = null;
    await pace?.ready(signals);
    try {
      const response = await bounded(signals, (signal) => attempt(request, options, signal), timeout, timeIsUp);
      if (response.ok) return response;
      wait = retryAfter(response.headers);
      if ((wait ?? 0) > MAX_RETRY_AFTER) return response;
      if (response.status === 429) pace?.hold(wait ?? 0);
      if (retries === maxRetries || !isRetryable(response)) return response;
    } catch (error) {
      if (retries === maxRetries || !(error instanceof ConnectionError)) throw error;
    }
    await sleep(wait ?? backoff(retries), signals);
  }
}

async function attempt(
  request: Request | RequestParts,
  { fetch, prepare, call }: ResilientFetchOptions,
  signal: AbortSignal,
): Promise<Response> {
  if (prepare) await prepare(signal);
  signal.throwIfAborted();
  call.attempts += 1;

  let response: Response;
  let body: Body;
  try {
    // A body can be sent only once.
    response = await fetch(request.body ? request.clone() : request, signal);
    body = await read(response, signal);
  } catch (cause) {
    throw new ConnectionError(call, `no answer, ${reasonOf(cause)}`, cause);
  }
  signal.throwIfAborted(); // What comes too late is no answer.
  call.answers += 1;

  const { text, isWhole } = body;
  const { ok, status, headers } = response;
  const refuse = (what: string) => new InvalidResponseError(call, response, text, () => what);
  if (isRedirect(response)) throw refuse(`redirect to ${headers.get("location") ?? "nowhere"}, refused`);
  if (status < 200 || status > 599) throw refuse("no HTTP status");
  if (!isWhole && ok) throw refuse("with a body over 1 MiB");

  // As if it had not been read yet; openapi-fetch asks no more of it than these.
  if (request instanceof RequestParts) return { ok, status, headers, text: async () => text } as Response;
  return Object.defineProperty(new Response(response.body && text, { status, headers }), "url", {
    value: response.url,
  });
}

interface Body {
  readonly text: string;
  readonly isWhole: boolean;
}

const decoder = new TextDecoder();

async function read(response: Response, signal: AbortSignal): Promise<Body> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let left = isRedirect(response) ? -1 : MAX_BODY_SIZE;
  while (left >= 0 && !signal.aborted) {
    const { value: chunk } = (await reader?.read()) ?? {};
    if (!chunk) break;
    chunks.push(chunk);
    left -= chunk.byteLength;
  }
  const isWhole = left >= 0;
  if (!isWhole || signal.aborted) reader?.cancel().catch(() => {}); // How the rest ends doesn't matter.
  // Most are of one chunk, which needs no Blob to put it together.
  return { text: chunks.length > 1 ? await new Blob(chunks).text() : decoder.decode(chunks[0]), isWhole };
}

/** A browser hides what a redirect was, and a `fetch` of the caller's own may have followed it. */
function isRedirect({ type, redirected, status }: Response): boolean {
  return type === "opaqueredirect" || redirected || (status >= 300 && status < 400);
}

function isRetryable({ status, headers }: Response): boolean {
  const told = headers.get("x-should-retry")?.trim();
  if (told === "true" || told === "false") return told === "true";
  return status >= 500 || RETRYABLE_STATUSES.includes(status);
}

/** How long the server asks to wait, in ms; null where it doesn't say, or nothing that makes sense. */
export function retryAfter(headers: Headers): number | null {
  const after = headers.get("retry-after")?.trim();
  const date = after?.endsWith("GMT") ? Date.parse(after) : Number.NaN;
  const waits = [decimal(headers.get("retry-after-ms")?.trim()), decimal(after) * 1000, date - Date.now()];
  return waits.find((ms) => ms >= 0) ?? null;
}

function decimal(text = ""): number {
  return /^\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

function backoff(retries: number): number {
  return Math.min(FIRST_DELAY * 2 ** retries, MAX_DELAY) * (1 - JITTER * Math.random());
}

/** What went wrong: fetch's own error says "fetch failed", and only its cause says why. */
function reasonOf(error: unknown): string {
  const cause: unknown = Object(error).cause ?? error;
  const { message, code }: Record<string, unknown> = Object(cause);
  const isText = (text: unknown): text is string => typeof text === "string" && text !== "";
  return [message, code, cause].find(isText) ?? "connection lost";
}
