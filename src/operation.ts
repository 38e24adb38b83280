import { readBody, TOO_LONG, UnreadableBody } from "./body.js";
import { type CallOptions, type Client, type ResolvedOptions, resolveOptions } from "./client.js";
import {
  ApiError,
  addHidden,
  type Call,
  ClientError,
  ConnectionError,
  InvalidResponseError,
  TimeoutError,
} from "./errors.js";
import { isUnconfirmed, ownSchedule } from "./retry.js";
import type { Run } from "./run.js";
import { parse, showBody } from "./text.js";
import { bounded } from "./timing.js";

/** One call of the API: what it sends, and what counts as success. */
export interface Operation<Result> {
  /** How its errors begin: `Cancelling upload_abc123`. */
  readonly name: string;
  /** What a success contains, for messages: `cancelled Upload upload_abc123`. */
  readonly expected: string;
  /** Sends it: `(init) => client.POST("/uploads/{upload_id}/cancel", { ...init, params })`. */
  readonly send: (init: CallInit) => Promise<{ readonly error?: unknown; readonly response: Response }>;
  /** The call resolves only if this returns true for the body of a success. */
  readonly accepts: (body: unknown) => body is Result;
}

/** What {@link Operation.send} passes on to openapi-fetch. */
interface CallInit {
  readonly headers: ResolvedOptions["headers"];
  readonly signal: AbortSignal | null;
  readonly fetch: (request: Request, init?: RequestInit) => Promise<Response>;
  readonly parseAs: "stream";
}

/**
 * Carries out one operation: attempts it until a response is accepted, or until its schedule allows no more attempts.
 *
 * @param run The run that the call belongs to, if any.
 * @throws ApiError if the API returned an error, ConnectionError if there was no response, InvalidResponseError if the
 * response was an unexpected one, TypeError if an argument can't be used (nothing is sent then), or the signal's reason
 * if it aborted.
 */
export async function perform<Result>(
  client: Client,
  operation: Operation<Result>,
  options: CallOptions = {},
  run?: Run,
): Promise<Result> {
  const resolved = resolveOptions(client, options);
  const { timeout, maxWait, onRetry, headers, signals } = resolved;
  const schedule = run ? run.schedule(resolved) : ownSchedule(resolved);
  const call: Call = { name: operation.name, requests: [], unconfirmed: 0, maxWait };

  try {
    for (;;) {
      await schedule.ready(signals);
      const requestsBefore = call.requests.length;
      const wasSent = () => call.requests.length > requestsBefore;
      const timeoutError = () => {
        const problem = wasSent() ? "no response" : "apiKey() or middleware didn't finish";
        return new TimeoutError(call, `${problem} within ${timeout} ms`);
      };
      try {
        const send = (signal: AbortSignal) => attempt(client, operation, call, headers, signal);
        const result = await bounded(signals, send, timeout, timeoutError);
        schedule.succeeded();
        return result;
      } catch (error) {
        if (!(error instanceof ClientError)) {
          schedule.interrupted(error);
          throw error; // a bad argument, middleware's own error, or the reason of an abort
        }
        if (wasSent() && isUnconfirmed(error)) call.unconfirmed += 1;
        const delay = schedule.failed(error);
        if (delay === undefined) throw error;
        if (onRetry) await bounded(signals, async () => onRetry(error, delay));
      }
    }
  } catch (error) {
    // Make the stack start at the caller, not in the retry loop.
    if (error instanceof ClientError) Error.captureStackTrace?.(error, perform);
    throw error;
  }
}

/** One complete call of openapi-fetch, including middleware. It ends in a result or in one of our errors. */
async function attempt<Result>(
  client: Client,
  { send, expected, accepts }: Operation<Result>,
  call: Call,
  headers: ResolvedOptions["headers"],
  signal: AbortSignal,
): Promise<Result> {
  const fetch: CallInit["fetch"] | undefined = client.settings.fetch;
  const { error, response } = await send({
    headers,
    // The platform's fetch takes it as an option below, because putting it into the Request is slower.
    signal: fetch ? signal : null,
    fetch: (request, init) =>
      exchange(call, request, signal, () =>
        fetch ? fetch(request, init) : globalThis.fetch(request, { ...init, redirect: "manual", signal }),
      ),
    parseAs: "stream",
  });
  if (response.status >= 400) throw new ApiError(call, response, error ?? "");
  const text = await readText(call, response, signal);
  if (text === TOO_LONG) throw new InvalidResponseError(call, response, () => ` with ${text}`, text);
  const body = parse(text);
  if (response.ok && accepts(body)) {
    const result: { readonly _request_id?: string | null } = Object(body);
    addHidden(result, { _request_id: response.headers.get("x-request-id") });
    return body;
  }
  throw new InvalidResponseError(call, response, (shown) => `, but not a ${expected}: ${showBody(shown)}`, body);
}

/** Sends a request. Leaves a success's body unread; reads an error's here, to limit its size. */
async function exchange(
  call: Call,
  request: Request,
  signal: AbortSignal,
  send: () => Promise<Response>,
): Promise<Response> {
  // Middleware outlived the attempt; nobody sees this.
  if (signal.aborted) throw new Error("Too late to send the request");
  call.requests.push(request.headers);
  let response: Response;
  try {
    response = Object(await send()); // A custom fetch can resolve to anything, and to the Response of another realm.
  } catch (thrown) {
    throw new ConnectionError(call, thrown);
  }
  const { ok, status, headers, redirected, type } = response;
  // A browser hides the details of a redirect, and a custom fetch can have followed it.
  if (redirected || type === "opaqueredirect" || (status >= 300 && status < 400)) {
    Promise.resolve(response.body?.cancel?.()).catch(() => {});
    const location = new Headers(headers).get("location") ?? "an unknown place";
    const problem = redirected ? " after a redirect" : ` redirect to ${location}, which was not followed`;
    throw new InvalidResponseError(call, response, () => problem);
  }
  if (!(status >= 200 && status <= 599)) throw new InvalidResponseError(call, response, () => " is not an HTTP status");
  const isStandard = typeof headers?.get === "function" && typeof response.body?.getReader === "function";
  return ok && isStandard ? response : withText(response, await readText(call, response, signal));
}

async function readText(call: Call, response: Response, signal: AbortSignal): Promise<string> {
  try {
    return await readBody(response, signal);
  } catch (thrown) {
    if (!(thrown instanceof UnreadableBody)) throw new ConnectionError(call, thrown, response);
    throw new InvalidResponseError(call, response, () => ` with ${thrown.message}`);
  }
}

/** The response as if its body had not been read yet. */
function withText({ status, headers, url }: Response, text: string): Response {
  const body = status === 204 || status === 205 ? null : text;
  return Object.defineProperties(new Response(body, { status, headers: new Headers(headers) }), {
    url: { value: url },
    text: { value: async () => text }, // openapi-fetch reads the body of an error, even if middleware already has.
  });
}
