import type { components } from "../generated/openapi.js";

/** The body with which the API refuses a request. */
export type ErrorResponse = components["schemas"]["ErrorResponse"];

/** How much of a body a message shows, in characters; the error's `body` has the whole. */
const EXCERPT_LENGTH = 300;
/** The shortest credential that is hidden, in characters: a shorter one is found in the midst of words. */
const MIN_CREDENTIAL_LENGTH = 6;
/** How many objects of a cause are looked at for a credential. */
const MAX_OBJECTS = 1_000;

/** What is known of a call while it goes on. */
export interface Call {
  /** What it does, as the start of an error's message: `Cancelling upload_abc123`. */
  readonly operation: string;
  /** Those of the request, once there is one. */
  headers?: Headers;
  /** How many requests were sent. */
  attempts: number;
  /** How many of them were answered. */
  answers: number;
}

export function newCall(operation: string): Call {
  return { operation, attempts: 0, answers: 0 };
}

/**
 * Every error that a call rejects with, but for a `TypeError` (a bad argument: nothing was sent) and an abort (the
 * signal's own reason). None of them shows the key, not even where the server repeats it.
 */
export abstract class ClientError extends Error {
  /** How many requests were sent. */
  readonly attempts: number;

  constructor(call: Call, what: string, notes = "", options?: ErrorOptions) {
    const message = `${call.operation} failed: ${what} (${notes}attempts: ${call.attempts})`;
    super(oneLine(redact(credentialsOf(call), message)), options);
    this.attempts = call.attempts;
  }
}

/**
 * No answer came, or not the whole of one. `cause` is what went wrong; it is left out where it may show the key, as an
 * error of a `fetch` of your own may. Whether the API acted is not known.
 */
export class ConnectionError extends ClientError {
  constructor(call: Call, what: string, cause?: unknown) {
    super(call, what, "", cause === undefined || shows(credentialsOf(call), cause) ? {} : { cause });
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
  readonly #headers: Headers;
  readonly #body: unknown;

  /** @param what What to say of the body, given what it says itself. */
  constructor(call: Call, response: Response, body: unknown = "", what = (said: string): string => said) {
    const credentials = credentialsOf(call);
    const shown = redact(credentials, body);
    const headers = new Headers(redact(credentials, [...response.headers]));
    const requestId = headers.get("x-request-id");
    const unanswered = call.attempts - call.answers;
    super(
      call,
      `${response.status} ${what(excerpt(errorOf(shown).message ?? shown))}`,
      (requestId ? `request: ${requestId}, ` : "") + (unanswered ? `unanswered: ${unanswered}, ` : ""),
    );
    this.status = response.status;
    this.requestId = requestId;
    this.#headers = headers;
    this.#body = shown;
  }

  // Getters, so that a log of the error is not a log of the whole answer.

  /** The headers of the answer. */
  get headers(): Headers {
    return this.#headers;
  }

  /** The body of the answer: parsed where it was JSON, else its text. */
  get body(): unknown {
    return this.#body;
  }
}

/**
 * The API refused: it answered with an error status.
 *
 * Where the message says that earlier attempts went `unanswered`, one of them may have been carried out: that the Upload
 * is cancelled already can then be the trace of this very call.
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

  constructor(call: Call, response: Response, body: unknown, retryAfter: number | null) {
    super(call, response, body);
    const { code, type, param } = errorOf(this.body);
    this.code = code;
    this.type = type;
    this.param = param;
    this.retryAfter = retryAfter;
  }

  override get name(): string {
    return "ApiError";
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

/** @throws TypeError which says what is expected. What was given is not shown: it may be a key. */
export function check(ok: boolean, name: string, expected: string): asserts ok {
  if (!ok) throw new TypeError(`${name} must be ${expected}`);
}

/** The start of a body, as a message shows it. */
export function excerpt(body: unknown): string {
  const text = typeof body === "string" ? body : stringify(body);
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…` : text || "an empty body";
}

/** What a server says must neither break a log's lines nor reach a terminal as a command. */
export function oneLine(text: string): string {
  return text.replace(/[\p{C}\s]+/gu, " ").trim();
}

type ErrorFields = Record<keyof ErrorResponse["error"], string | null>;

/** What a body says as an {@link ErrorResponse}; null for what it doesn't say, since it may be anything. */
function errorOf(body: unknown): ErrorFields {
  const error: Partial<Record<keyof ErrorFields, unknown>> = Object(Object(body).error);
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  return { message: text(error.message), type: text(error.type), param: text(error.param), code: text(error.code) };
}

/** What some servers repeat: the credentials that the request carries. */
function credentialsOf({ headers }: Call): string[] {
  return ["authorization", "api-key"].map((name) => headers?.get(name)?.split(" ").at(-1) ?? "");
}

/** A JSON value without the credentials. */
export function redact<Json>(credentials: readonly string[], value: Json): Json {
  const hidden = credentials.filter(({ length }) => length >= MIN_CREDENTIAL_LENGTH);
  const hide = (text: string) => hidden.reduce((shown, credential) => shown.replaceAll(credential, "***"), text);
  return JSON.parse(
    stringify(value, (_name, part) => {
      if (typeof part === "string") return hide(part);
      if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
      return Object.fromEntries(Object.entries(part).map(([name, member]) => [hide(name), member]));
    }),
  );
}

/** Whether a credential shows in what can be reached from a value; true as well where that can't be told. */
function shows(credentials: readonly string[], value: unknown, seen = new Set<unknown>()): boolean {
  if (typeof value === "string") return redact(credentials, value) !== value;
  if (typeof value !== "object" || value === null || seen.has(value)) return false;
  if (seen.add(value).size > MAX_OBJECTS) return true;
  try {
    const names = Reflect.ownKeys(value);
    for (const name in value) names.push(name); // The platform's objects inherit theirs: a Request its url.
    const members = names.flatMap((name) => [String(name), Reflect.get(value, name)]);
    if (value instanceof Map || value instanceof Set || value instanceof Headers) members.push(...value);
    return members.some((member) => shows(credentials, member, seen));
  } catch {
    return true;
  }
}

/** As JSON, which all is that comes from JSON, but for what is nested deeper than the stack. */
function stringify(value: unknown, replacer?: (name: string, part: unknown) => unknown): string {
  try {
    return JSON.stringify(value, replacer);
  } catch {
    return '"JSON that is nested too deeply"';
  }
}
