import type { components } from "../generated/openapi.js";
import { redactFor } from "./redact.js";

/** The body with which the API refuses a request. */
export type ErrorResponse = components["schemas"]["ErrorResponse"];

/** How much of an answer a message shows, in characters; the error's `body` has the whole. */
const EXCERPT_LENGTH = 200;

/** What is known of a call while it goes on. */
export interface Call {
  /** What it does, as the start of an error's message: `Cancelling upload_abc123`. */
  readonly operation: string;
  /** The request, once there is one. */
  request?: Request;
  /** How many requests were sent. */
  attempts: number;
  /** How many of them got no answer. */
  unanswered: number;
}

/**
 * Every error that a call rejects with, but for a `TypeError` (a bad argument: nothing was sent) and an abort (the
 * signal's own reason). None of them shows the key, not even where the server repeats it.
 */
export abstract class ClientError extends Error {
  /** How many requests were sent. */
  readonly attempts: number;

  constructor(call: Call, what: string, notes: readonly string[], options?: ErrorOptions) {
    const attempts = call.attempts === 1 ? "1 attempt" : `${call.attempts} attempts`;
    const message = `${call.operation} failed: ${what} (${[...notes, attempts].join(", ")})`;
    super(oneLine(redactFor(call.request).text(message)), options);
    this.attempts = call.attempts;
  }
}

/** No answer came, or not the whole of one; `cause` is what went wrong. Whether the API acted is not known. */
export class ConnectionError extends ClientError {
  constructor(call: Call, what: string, options?: ErrorOptions) {
    super(call, what, [], options && { cause: redactFor(call.request).error(options.cause) });
  }

  override get name(): string {
    return "ConnectionError";
  }
}

/** No answer came within the `timeout`. Whether the API acted is not known. */
export class TimeoutError extends ConnectionError {
  override get name(): string {
    return "TimeoutError";
  }
}

/** An answer came, but not the one that was asked for. */
abstract class ResponseError extends ClientError {
  /** The HTTP status of the answer. */
  readonly status: number;
  /** The answer's `x-request-id`, which OpenAI's support asks for; null where it had none. */
  readonly requestId: string | null;
  readonly #body: unknown;

  constructor(call: Call, what: string, response: Response, body: unknown) {
    const redact = redactFor(call.request);
    const requestId = redact.headers(response.headers).get("x-request-id");
    super(call, `${response.status} ${what}`, [
      ...(requestId === null ? [] : [`request ${requestId}`]),
      ...(call.unanswered === 0 ? [] : [`${call.unanswered} without an answer, which may have been carried out`]),
    ]);
    this.status = response.status;
    this.requestId = requestId;
    this.#body = redact.json(body);
  }

  /** The body of the answer: parsed where it was JSON, else its text. */
  get body(): unknown {
    // A getter, so that to log the error is not to log the whole answer.
    return this.#body;
  }
}

/**
 * The API refused: it answered with an error status.
 *
 * Where an earlier attempt got no answer, it may have been carried out: a refusal because the Upload is cancelled
 * already can then be the trace of this very call. `attempts` is more than 1 then, and the message says so.
 */
export class ApiError extends ResponseError {
  /** The API's word for the error, such as `invalid_api_key`; null where it gave none. */
  readonly code: string | null;
  /** The API's kind of error, such as `invalid_request_error`; null where it gave none. */
  readonly type: string | null;
  /** The parameter at fault; null where it named none. */
  readonly param: string | null;
  /** How long the API asks to wait before the next try, in ms; null where it doesn't say. */
  readonly retryAfter: number | null;
  readonly #headers: Headers;

  constructor(call: Call, response: Response, body: unknown, retryAfter: number | null) {
    super(call, errorField(body, "message") ?? excerpt(body), response, body);
    this.code = errorField(this.body, "code");
    this.type = errorField(this.body, "type");
    this.param = errorField(this.body, "param");
    this.retryAfter = retryAfter;
    this.#headers = redactFor(call.request).headers(response.headers);
  }

  override get name(): string {
    return "ApiError";
  }

  /** The headers of the answer. */
  get headers(): Headers {
    return this.#headers;
  }
}

/**
 * An answer came that the contract doesn't know: a success without a cancelled Upload, a redirect, a body that doesn't
 * end. Whether the API acted is not known.
 */
export class InvalidResponseError extends ResponseError {
  override get name(): string {
    return "InvalidResponseError";
  }
}

/** The start of a body, as a message shows it. */
export function excerpt(body: unknown): string {
  const text = typeof body === "string" ? body : stringify(body);
  if (text.trim() === "") return "an empty body";
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…` : text;
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function errorField(body: unknown, field: keyof ErrorResponse["error"]): string | null {
  const error: object = isObject(body) && "error" in body && isObject(body.error) ? body.error : {};
  const value: unknown = Reflect.get(error, field);
  return typeof value === "string" ? value : null;
}

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "JSON that is nested too deeply";
  }
}

/** What a server says must neither break a log's lines nor reach a terminal as a command. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
}
