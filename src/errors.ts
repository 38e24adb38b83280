import type { components } from "../generated/openapi.js";

/** The body with which the API refuses a request. */
export type ErrorResponse = components["schemas"]["ErrorResponse"];

/** How much of a body a message shows, in characters; the error's `body` has the whole. */
const EXCERPT_LENGTH = 200;

interface ClientErrorInit extends ErrorOptions {
  /** What was being done, as the start of the message: `Cancelling upload_abc123`. */
  readonly operation: string;
  readonly attempts: number;
}

interface ResponseErrorInit extends ClientErrorInit {
  readonly response: Pick<Response, "status" | "headers">;
  readonly body: unknown;
}

/**
 * Every error that a call rejects with, but for a `TypeError` (a bad argument, nothing was sent)
 * and an abort (the signal's own reason).
 */
export abstract class ClientError extends Error {
  /** How many requests were sent. */
  readonly attempts: number;

  constructor(what: string, init: ClientErrorInit, requestId: string | null = null) {
    const request = requestId === null ? "" : `request ${oneLine(requestId)}, `;
    const attempts = init.attempts === 1 ? "1 attempt" : `${init.attempts} attempts`;
    super(
      `${init.operation} failed: ${what} (${request}${attempts})`,
      init.cause === undefined ? {} : { cause: init.cause },
    );
    this.attempts = init.attempts;
  }
}

/** The API refused: it answered with an error status. */
export class ApiError extends ClientError {
  /** The HTTP status: 400 or above. */
  readonly status: number;
  /** The API's word for the error, such as `invalid_api_key`; null where it gave none. */
  readonly code: string | null;
  /** The API's kind of error, such as `invalid_request_error`; null where the answer isn't the API's. */
  readonly type: string | null;
  /** The parameter at fault; null where the API named none. */
  readonly param: string | null;
  /** The `x-request-id` of the answer, which OpenAI's support asks for; null where there was none. */
  readonly requestId: string | null;
  readonly #headers: Headers;
  readonly #body: unknown;

  constructor(init: ResponseErrorInit) {
    const { status, headers } = init.response;
    const { message, code, type, param } = errorFields(init.body);
    const requestId = headers.get("x-request-id");
    super(`${status} ${message === null ? excerpt(init.body) : oneLine(message)}`, init, requestId);
    this.status = status;
    this.code = code;
    this.type = type;
    this.param = param;
    this.requestId = requestId;
    this.#headers = headers;
    this.#body = init.body;
  }

  override get name(): string {
    return "ApiError";
  }

  // Getters, because a log of the error should not be a log of the whole answer.

  /** The headers of the answer. */
  get headers(): Headers {
    return this.#headers;
  }

  /** The body of the answer: an {@link ErrorResponse} where the API gave one, the text where it was no JSON. */
  get body(): unknown {
    return this.#body;
  }
}

/** No answer: the connection failed or was lost. What lost it is the `cause`. */
export class ConnectionError extends ClientError {
  override get name(): string {
    return "ConnectionError";
  }
}

/** An answer, but not the one that the contract promises. Whether the API did what was asked is not known. */
export class InvalidResponseError extends ClientError {
  /** The HTTP status. */
  readonly status: number;
  /** The `x-request-id` of the answer, which OpenAI's support asks for; null where there was none. */
  readonly requestId: string | null;
  readonly #body: unknown;

  constructor(what: string, init: ResponseErrorInit) {
    const requestId = init.response.headers.get("x-request-id");
    super(`${init.response.status} with ${what}`, init, requestId);
    this.status = init.response.status;
    this.requestId = requestId;
    this.#body = init.body;
  }

  override get name(): string {
    return "InvalidResponseError";
  }

  /** The body of the answer, parsed where it was JSON, else its text. */
  get body(): unknown {
    return this.#body;
  }
}

/** A body as a message shows it: one line, cut short. */
export function excerpt(body: unknown): string {
  const text = oneLine(typeof body === "string" ? body : (JSON.stringify(body) ?? ""));
  if (text === "") return "an empty body";
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…` : text;
}

/** Whatever a server sends must neither break a log's lines nor reach a terminal as a command. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
}

type ErrorFields = { readonly [Field in keyof ErrorResponse["error"]]: string | null };

/** What the body says as an {@link ErrorResponse}; null for each field that it doesn't have. */
function errorFields(body: unknown): ErrorFields {
  const error: Partial<Record<keyof ErrorFields, unknown>> =
    isObject(body) && "error" in body && isObject(body.error) ? body.error : {};
  const field = (name: keyof ErrorFields) => {
    const value = error[name];
    return typeof value === "string" ? value : null;
  };
  return { message: field("message"), type: field("type"), param: field("param"), code: field("code") };
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
