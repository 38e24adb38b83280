import { type CallOptions, type Client, checkHeaders, transportOf } from "./client.js";
import { ApiError, ClientError, InvalidResponseError, newCall } from "./errors.js";
import { RequestParts } from "./request-parts.js";
import { type Answer, checkRetryOptions, type Run, unread } from "./resilient-fetch.js";
import { asText, parse } from "./text.js";
import { bounded } from "./waiting.js";

/** One call of the API: what it sends, and what counts as its success. */
export interface Operation<Result> {
  /** What it does, as its errors begin: `Cancelling upload_abc123`. */
  readonly name: string;
  /** What its success is, as an InvalidResponseError misses it: `cancelled Upload`. */
  readonly expected: string;
  /** Sends it: `(init) => client.POST("/uploads/{upload_id}/cancel", { ...init, params })`. */
  readonly send: (init: CallInit) => Promise<{ readonly error?: unknown; readonly response: Response }>;
  /** Whether the body of a success is what was asked for; nothing else resolves. */
  readonly accepts: (body: unknown) => body is Result;
}

/** What {@link Operation.send} passes on to openapi-fetch. */
interface CallInit {
  readonly headers: CallHeaders;
  readonly fetch: (request: Request | RequestParts) => Promise<Response>;
  /** What openapi-fetch makes the request of. */
  readonly Request: typeof RequestParts | undefined;
  /** The body is read here. */
  readonly parseAs: "stream";
}

type CallHeaders = NonNullable<CallOptions["headers"]>;

/**
 * Carries out one operation. It resolves only to a body that the operation accepts.
 *
 * @throws ApiError if the API refused, ConnectionError if it gave no answer, InvalidResponseError if its answer is not
 * what was asked for, TypeError if an argument can't be used (nothing is sent then), and the signal's reason if it
 * aborted.
 */
export async function perform<Result>(
  client: Client,
  { name, expected, send, accepts }: Operation<Result>,
  options: CallOptions = {},
  run?: Run,
): Promise<Result> {
  const sender = transportOf(client);
  checkRetryOptions(options);

  const call = newCall(name);
  const isObserved = sender.isObserved();
  let answer: Answer | undefined;
  const init: CallInit = {
    headers: checkHeaders(options.headers),
    fetch: async (request) => {
      answer = await sender.send(request, call, options, run);
      return answer.response.ok && !isObserved ? answer.response : unread(answer);
    },
    Request: isObserved ? undefined : RequestParts,
    parseAs: "stream",
  };
  const signals = sender.signals(options);
  try {
    // An abort need not wait for a middleware.
    const { error, response } = await (isObserved ? bounded(signals, () => send(init)) : send(init));
    if (response.status >= 400) throw new ApiError(call, response, error ?? "");

    const body = parse(
      response === answer?.response
        ? answer.text
        : await response.text().catch(() => "a body that a middleware has read, without a clone"),
    );
    if (accepts(body)) return body;
    throw new InvalidResponseError(call, response, body, `with no ${expected}: ${asText(body)}`);
  } catch (error) {
    // So that the stack begins with who called, however deep down the error was made.
    if (error instanceof ClientError) Error.captureStackTrace?.(error, perform);
    else for (const signal of signals) signal.throwIfAborted(); // The reason as it is, even if it is falsy.
    throw error;
  }
}
