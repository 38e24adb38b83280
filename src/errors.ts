import type { components } from "../generated/openapi.js";
import { credentialsOf, hiding, printable, redact } from "./redact.js";
import { asText, excerpt, oneLine } from "./text.js";

/** The body of an error response. */
export type ErrorResponse = components["schemas"]["ErrorResponse"];

/** The error codes in the contract, which an editor suggests, or any other string. */
export type ErrorCode = components["schemas"]["ErrorCode"] | (string & Record<never, never>);

/** What is known about a call while it is under way. */
export interface Call {
  /** How its errors begin: `Cancelling upload_abc123`. */
  readonly name: string;
  /** The headers of each request that was sent. */
  readonly sent: Headers[];
  /** How many of those requests got no response. */
  unanswered: number;
  /** The longest wait that it agrees to, in ms. */
  readonly maxWait: number;
}

/** The credentials of a call's requests: a server may repeat them, but an error must not show them. */
function secretsOf({ sent }: Call): string[] {
  return [...new Set(sent.flatMap(credentialsOf))];
}

/**
 * Any error that a call rejects with, other than a `TypeError` (a bad argument: nothing was sent) and the reason of an
 * aborted signal. It never shows the API key, even if the server repeats it.
 */
export abstract class ClientError extends Error {
  /** How many requests were sent. */
  readonly attempts: number;

  constructor(call: Call, problem: string, notes: readonly string[] = [], options: { readonly cause?: unknown } = {}) {
    const attempts = call.sent.length;
    const hide = hiding(secretsOf(call));
    const details = [...notes, `attempts: ${attempts}`].join(", ");
    super(oneLine(hide(`${call.name} failed: ${excerpt(hide(problem))} (${details})`)), options);
    this.attempts = attempts;
  }
}

/** There was no response, or only part of one. The API may or may not have acted on the request. */
export class ConnectionError extends ClientError {
  /** A copy of what `fetch` threw: its name, message, code and cause, without the API key. */
  declare readonly cause?: unknown;

  constructor(call: Call, thrown: unknown, problem?: string) {
    const cause = printable(secretsOf(call), thrown);
    super(call, problem ?? `no response, ${reasonFor(cause)}`, [], cause == null ? {} : { cause });
  }
}

/** There was no response within the `timeout`. The API may or may not have acted on the request. */
export class TimeoutError extends ConnectionError {}

/** There was a response, but not the expected one. */
abstract class ResponseError extends ClientError {
  /** The HTTP status of the response. */
  readonly status: number;
  /** The response's `x-request-id`, which OpenAI's support asks for; null if it had none. */
  readonly requestId: string | null;
  readonly #headers: Headers;
  readonly #body: unknown;

  /** @param problem What follows the status in the message. */
  constructor(call: Call, response: Response, problem: string, body: unknown, notes: readonly string[] = []) {
    const headers = new Headers(redact(secretsOf(call), [...new Headers(response.headers)]));
    const requestId = headers.get("x-request-id");
    const origin = requestId ? [`request: ${excerpt(requestId)}`] : [];
    const unanswered = call.unanswered > 0 ? [`unanswered: ${call.unanswered}`] : [];
    super(call, response.status + problem, [...notes, ...origin, ...unanswered]);
    this.status = response.status;
    this.requestId = requestId;
    this.#headers = headers;
    this.#body = redact(secretsOf(call), body);
  }

  // Getters, so that logging the error doesn't log the whole response.

  /** The headers of the response. */
  get headers(): Headers {
    return this.#headers;
  }

  /** The body of the response: parsed if it was JSON, otherwise its text. */
  get body(): unknown {
    return this.#body;
  }
}

/**
 * The API returned an error.
 *
 * If the message says that earlier requests went `unanswered`, the API may have acted on one of them. "Already cancelled"
 * can then mean that an earlier attempt of this call succeeded.
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
    super(call, response, ` ${errorIn(body).message ?? asText(body)}`, body, notes);
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

// Not in the classes: bundlers rename a class that refers to itself.
ConnectionError.prototype.name = "ConnectionError";
TimeoutError.prototype.name = "TimeoutError";
ApiError.prototype.name = "ApiError";
InvalidResponseError.prototype.name = "InvalidResponseError";

type ErrorFields = Record<keyof ErrorResponse["error"], string | null>;

/** The fields of an {@link ErrorResponse}. A body can be anything, so each can be missing. */
function errorIn(body: unknown): ErrorFields {
  const error: Partial<Record<keyof ErrorFields, unknown>> = Object(Object(body).error);
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  return { message: text(error.message), type: text(error.type), param: text(error.param), code: text(error.code) };
}

/**
 * How long a server asks to wait, in ms; null if it doesn't say, or says something unusable.
 *
 * It can say so in `retry-after-ms`, as OpenAI does, or in `Retry-After` (RFC 9110, section 10.2.3), in seconds or as an
 * HTTP date.
 */
function retryAfter(headers: Headers): number | null {
  const after = headers.get("retry-after")?.trim() ?? "";
  const date = Date.parse(after.endsWith("GMT") ? after : "");
  const waits = [decimal(headers.get("retry-after-ms")), decimal(after) * 1000, date - Date.now()];
  return waits.find((ms) => ms >= 0) ?? null;
}

/** NaN unless it is a plain decimal number. */
function decimal(text: string | null): number {
  return Number(/^\s*(\d{1,15}(\.\d+)?)\s*$/.exec(text ?? "")?.[1]);
}

/** Why a request failed: fetch's own error only says "fetch failed", and its cause says why. */
function reasonFor(thrown: unknown): string {
  const cause: unknown = Object(thrown).cause ?? thrown;
  const { message, code }: Record<string, unknown> = Object(cause);
  return String(message || code || (typeof cause === "string" && cause) || "connection lost");
}
