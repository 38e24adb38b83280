import type { components } from "../generated/openapi.js";
import { credentialsOf, hiding, redact } from "./redact.js";
import { retryAfter } from "./retry-after.js";
import { asText, excerpt, oneLine } from "./text.js";

/** The body with which the API refuses a request. */
export type ErrorResponse = components["schemas"]["ErrorResponse"];

/** What is known of a call while it goes on. */
export interface Call {
  /** What it does, as its errors begin: `Cancelling upload_abc123`. */
  readonly name: string;
  /** The headers of each request that was sent. */
  readonly sent: Headers[];
  /** How many of the requests were answered. */
  answers: number;
}

export function newCall(name: string): Call {
  return { name, sent: [], answers: 0 };
}

/**
 * Every error that a call rejects with, except a `TypeError` (a bad argument: nothing was sent) and an abort (the
 * signal's own reason). None of them shows the key, even if the server repeats it.
 */
export abstract class ClientError extends Error {
  /** How many requests were sent. */
  readonly attempts: number;

  constructor(call: Call, what: string, notes: string, options?: ErrorOptions) {
    const attempts = call.sent.length;
    const hide = hiding(secretsOf(call));
    super(oneLine(hide(`${call.name} failed: ${excerpt(hide(what))} (${notes}attempts: ${attempts})`)), options);
    this.attempts = attempts;
  }
}

/**
 * No answer came, or not all of one. Whether the API acted is not known.
 *
 * `cause` is a copy of what went wrong: its name, message, code and own cause, without the key.
 */
export class ConnectionError extends ClientError {
  static {
    ConnectionError.prototype.name = "ConnectionError";
  }

  /** @param cause It must be printable. */
  constructor(call: Call, what: string, cause?: unknown) {
    super(call, what, "", cause == null ? {} : { cause });
  }
}

/** No answer came within the `timeout`. Whether the API acted is not known. */
export class TimeoutError extends ConnectionError {
  static {
    TimeoutError.prototype.name = "TimeoutError";
  }
}

/** An answer came, but not the one that was asked for. */
abstract class ResponseError extends ClientError {
  /** The HTTP status of the answer. */
  readonly status: number;
  /** The answer's `x-request-id`, which OpenAI's support asks for; null if it had none. */
  readonly requestId: string | null;
  readonly #headers: Headers;
  readonly #body: unknown;

  constructor(call: Call, response: Response, body: unknown, what: string = errorIn(body).message ?? asText(body)) {
    const headers = new Headers(redact(secretsOf(call), [...response.headers]));
    const requestId = headers.get("x-request-id");
    const unanswered = call.sent.length - call.answers;
    super(
      call,
      `${response.status} ${what}`,
      (requestId ? `request: ${excerpt(requestId)}, ` : "") + (unanswered > 0 ? `unanswered: ${unanswered}, ` : ""),
    );
    this.status = response.status;
    this.requestId = requestId;
    this.#headers = headers;
    this.#body = redact(secretsOf(call), body);
  }

  // Getters, so that a log of the error is not a log of the whole answer.

  /** The headers of the answer. */
  get headers(): Headers {
    return this.#headers;
  }

  /** The body of the answer: parsed if it was JSON, else its text. */
  get body(): unknown {
    return this.#body;
  }
}

/**
 * The API said no: it answered with an error status.
 *
 * If the message says that earlier attempts went `unanswered`, the API may have acted on one of them: "already cancelled"
 * can then be the trace of this very call.
 */
export class ApiError extends ResponseError {
  static {
    ApiError.prototype.name = "ApiError";
  }

  /** A word for programs, such as `invalid_api_key`; null if the API gave none. */
  readonly code: ErrorCode | null;
  /** The kind of error, such as `invalid_request_error`; null if the API gave none. */
  readonly type: string | null;
  /** The parameter at fault; null if the API named none. */
  readonly param: string | null;
  /** How long the API asks to wait before the next try, in ms; null if it doesn't say. */
  readonly retryAfter: number | null;

  constructor(call: Call, response: Response, body: unknown) {
    super(call, response, body);
    const { code, type, param } = errorIn(this.body);
    this.code = code;
    this.type = type;
    this.param = param;
    this.retryAfter = retryAfter(response.headers);
  }
}

/**
 * An answer came, but not one that the contract knows: a success without what was asked for, a redirect, a body that
 * doesn't end. Whether the API acted is not known.
 */
export class InvalidResponseError extends ResponseError {
  static {
    InvalidResponseError.prototype.name = "InvalidResponseError";
  }
}

/** The contract's codes, which an editor offers, and any other. */
export type ErrorCode = components["schemas"]["ErrorCode"] | (string & Record<never, never>);

type ErrorFields = Record<keyof ErrorResponse["error"], string | null>;

/** What a body says as an {@link ErrorResponse}; null for what it doesn't say, since it may be anything. */
function errorIn(body: unknown): ErrorFields {
  const error: Partial<Record<keyof ErrorFields, unknown>> = Object(Object(body).error);
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  return { message: text(error.message), type: text(error.type), param: text(error.param), code: text(error.code) };
}

/** What the requests carry that a server may repeat, but an error must not show. */
export function secretsOf({ sent }: Call): string[] {
  return sent.flatMap(credentialsOf);
}
