import type { components } from "../generated/openapi.js";
import { copyError, createRedactor, credentialsOf, redact } from "./redact.js";
import { excerpt, oneLine, showBody } from "./text.js";

/** What undici 7 and 8 say if `fetch` and a dispatcher are of different versions. Nothing was sent then. */
const OTHER_UNDICI = /^invalid on\w+ method$/;

/** The body of an error response. */
export type ErrorResponse = components["schemas"]["ErrorResponse"];

/** The error codes in the contract, which an editor suggests, or any other string. */
export type ErrorCode = components["schemas"]["ErrorCode"] | (string & Record<never, never>);

/** What is known about a call while it is under way. */
export interface Call {
  /** How its errors begin: `Cancelling upload_abc123`. */
  readonly name: string;
  /** The headers of each request that was sent. */
  readonly requests: Headers[];
  /** On how many of those requests the API may have acted without saying so. */
  unconfirmed: number;
  /** The longest wait that it agrees to, in ms. */
  readonly maxWait: number;
}

/** The credentials of a call's requests: a server may repeat them, but an error must not show them. */
function secretsOf({ requests }: Call): string[] {
  return [...new Set(requests.flatMap(credentialsOf))];
}

/**
 * Any error that a call rejects with, other than a `TypeError` (a bad argument: nothing was sent), the reason of an aborted
 * signal, and what your own `apiKey()`, `onRetry()` or middleware throws. It never shows the API key, even if the server
 * repeats it.
 */
export abstract class ClientError extends Error {
  /** How many requests were sent. */
  readonly attempts: number;
  /** What happened, without the name of the call and the details in parentheses: `404 No such Upload`. */
  declare readonly problem: string;

  constructor(call: Call, problem: string, notes: readonly string[] = [], options: { readonly cause?: unknown } = {}) {
    const attempts = call.requests.length;
    const hide = createRedactor(secretsOf(call));
    const show = (text: string) => oneLine(excerpt(hide(text)));
    const shown = show(problem);
    const details = [...notes.map(show), `attempts: ${attempts}`].join(", ");
    super(`${oneLine(hide(call.name))} failed: ${shown} (${details})`, options);
    this.attempts = attempts;
    addHidden<ClientError>(this, { problem: shown });
  }
}

/** There was no response, or only part of one. The API may or may not have acted on the request. */
export class ConnectionError extends ClientError {
  /** A copy of what `fetch` threw: its name, message, code and cause, without the API key. */
  declare readonly cause?: unknown;

  /** @param response The response whose body couldn't be read, if there was one. */
  constructor(call: Call, thrown: unknown, response?: Response, problem?: string) {
    const cause = copyError(secretsOf(call), thrown);
    const what = response ? `${response.status} with a body that can't be read` : "no response";
    super(
      call,
      problem ?? `${what}, ${reasonIn(cause) || "connection lost"}`,
      requestNote(response),
      cause == null ? {} : { cause },
    );
  }
}

/**
 * There was no response within the `timeout`. The API may or may not have acted on the request, if it was sent: `apiKey()`
 * or middleware can take too long as well, and the message says so.
 */
export class TimeoutError extends ConnectionError {
  constructor(call: Call, problem: string) {
    super(call, undefined, undefined, problem);
  }
}

/** There was a response, but not the expected one. */
abstract class ResponseError extends ClientError {
  /** The HTTP status of the response. */
  readonly status: number;
  /** The response's `x-request-id`, which OpenAI's support asks for; null if it had none. */
  readonly requestId: string | null;
  /** The headers of the response. */
  declare readonly headers: Headers;
  /** The body of the response: parsed if it was JSON, otherwise its text. */
  declare readonly body: unknown;

  /** @param describe What follows the status in the message, given the body without credentials. */
  constructor(
    call: Call,
    response: Response,
    describe: (body: unknown) => string,
    rawBody: unknown = "",
    notes: readonly string[] = [],
  ) {
    const secrets = secretsOf(call);
    const body = redact(secrets, rawBody);
    const unconfirmed = call.unconfirmed > 0 ? [`unconfirmed: ${call.unconfirmed}`] : [];
    super(call, response.status + describe(body), [...notes, ...requestNote(response), ...unconfirmed]);
    const headers = new Headers(redact(secrets, [...new Headers(response.headers)]));
    this.status = response.status;
    this.requestId = headers.get("x-request-id");
    addHidden<ResponseError>(this, { headers, body });
  }
}

/**
 * The API returned an error.
 *
 * If the message says that earlier requests are `unconfirmed`, the API may have acted on one of them: there was no response,
 * or a 5xx other than 503. "Already cancelled" can then mean that an earlier attempt of this call succeeded.
 */
export class ApiError extends ResponseError {
  /** Machine-readable error code, such as `invalid_api_key`; null if the API sent none. */
  readonly code: ErrorCode | null;
  /** The kind of error, such as `invalid_request_error`; null if the API sent none. */
  readonly type: string | null;
  /** The parameter that caused the error; null if the API named none. */
  readonly param: string | null;
  /** How long the API asks to wait before the next attempt, in ms; null if it doesn't say. */
  readonly retryAfter: number | null;

  constructor(call: Call, response: Response, body: unknown) {
    const wait = retryAfter(new Headers(response.headers));
    const notes = wait !== null && wait > call.maxWait ? [`retry after: ${Math.ceil(wait / 1_000)} s`] : [];
    super(call, response, (shown) => ` ${errorIn(shown).message ?? showBody(shown)}`, body, notes);
    const { code, type, param } = errorIn(this.body);
    this.code = code;
    this.type = type;
    this.param = param;
    this.retryAfter = wait;
  }
}

/**
 * There was a response that the contract doesn't allow: a success without the expected result, a redirect, a body that
 * is too long. The API may or may not have acted on the request.
 */
export class InvalidResponseError extends ResponseError {}

/** What `cancelOnFailure()` rejects with if the work failed, and so did the cancel. The Upload may still be open. */
export class CancelFailedError extends AggregateError {
  /** Why the work failed, and why the cancel did. */
  declare readonly errors: [failure: unknown, cancelFailure: unknown];
  readonly uploadId: string;
  override readonly name = "CancelFailedError"; // not on the prototype: bundlers would keep a class that isn't used

  constructor(uploadId: string, errors: [failure: unknown, cancelFailure: unknown], message: string) {
    super(errors, message);
    this.uploadId = uploadId;
  }
}

// Not in the classes: bundlers rename a class that refers to itself.
ConnectionError.prototype.name = "ConnectionError";
TimeoutError.prototype.name = "TimeoutError";
ApiError.prototype.name = "ApiError";
InvalidResponseError.prototype.name = "InvalidResponseError";

function requestNote(response: Response | undefined): string[] {
  const requestId = new Headers(response?.headers).get("x-request-id");
  return requestId ? [`request: ${requestId}`] : [];
}

/** Adds properties that aren't enumerable, so that logging the object doesn't log them. */
export function addHidden<Target extends object>(target: Target, properties: Partial<Target>): void {
  for (const name in properties) Object.defineProperty(target, name, { value: properties[name], enumerable: false });
}

type ErrorFields = Record<keyof ErrorResponse["error"], string | null>;

/** The fields of an {@link ErrorResponse}. A body can be anything, so each can be missing. */
function errorIn(body: unknown): ErrorFields {
  const error: Partial<Record<keyof ErrorFields, unknown>> = Object(Object(body).error);
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  return { message: text(error.message), type: text(error.type), param: text(error.param), code: text(error.code) };
}

/**
 * How long a server asks to wait, in ms; null if it doesn't say, or says something unusable. Zero says nothing about when.
 *
 * It can say so in `retry-after-ms`, as OpenAI does, or in `Retry-After` (RFC 9110, section 10.2.3), in seconds or as an
 * HTTP date. A date is compared with the response's own, because the clock of this machine can be wrong.
 */
function retryAfter(headers: Headers): number | null {
  const after = first(headers.get("retry-after"));
  const date = /^[A-Z]/.test(after) ? Date.parse(after.replace(/( GMT)?$/, " GMT")) : Number.NaN; // asctime() has no zone
  const now = Date.parse(headers.get("date") ?? "") || Date.now();
  const waits = [decimal(first(headers.get("retry-after-ms"))), decimal(after) * 1000, date - now];
  return waits.find((ms) => ms > 0) ?? null;
}

/** The first of a header's values: a proxy can add one to the server's. A date has a comma of its own. */
function first(values: string | null): string {
  return /^([a-z]+, )?[^,]*/i.exec(values ?? "")?.[0].trim() ?? "";
}

/** NaN unless it is a plain decimal number. */
function decimal(text: string): number {
  return /^\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

type Cause = Readonly<Record<string, unknown>>;

/** A failure's cause, its cause, and so on, from the outermost to the innermost. */
export function causesOf({ cause }: { readonly cause?: unknown }): Cause[] {
  const known: Cause = Object(cause);
  return cause == null ? [] : [known, ...causesOf(known)];
}

/** Why a request failed, if something says so. The innermost cause does: fetch's own error just says "fetch failed". */
function reasonIn(cause: unknown): string {
  const { message, code, cause: inner }: Cause = Object(cause);
  const ownReason = Object(cause) === cause ? message || code : cause;
  const reason = (inner == null ? "" : reasonIn(inner)) || String(ownReason ?? "");
  return OTHER_UNDICI.test(reason) ? `${reason}: pass the dispatcher's own fetch and Request, too` : reason;
}
