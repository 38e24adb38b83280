import type { components } from "../generated/openapi.js";
import { type Client, type ClientOptions, checkedHeaders, fetchOf } from "./client.js";
import { ApiError, type Call, excerpt, InvalidResponseError, isObject } from "./errors.js";
import { checkRetryOptions, type RetryOptions, retryAfter } from "./resilient-fetch.js";

/** A large file that is sent in Parts. */
export type Upload = components["schemas"]["Upload"];

/** The File of a completed Upload. */
export type OpenAIFile = components["schemas"]["OpenAIFile"];

/** An Upload that was given up: no Parts may be added to it. */
export type CancelledUpload = Upload & { status: "cancelled" };

/** What one call may set for itself, over the client's own. */
export interface CancelUploadOptions extends RetryOptions {
  /** Gives the call up; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Headers for this call, over the client's. */
  readonly headers?: ClientOptions["headers"] | undefined;
}

/**
 * Cancels an Upload. Resolves only when the API answered with an Upload whose status is `cancelled`.
 *
 * @param uploadId The Upload's `id`, such as `upload_abc123`.
 * @throws ApiError where the API refused, ConnectionError where it gave no answer, InvalidResponseError where its
 * answer is no cancelled Upload, TypeError where an argument can't be used (nothing is sent then), and the signal's
 * reason where it aborted.
 * @example
 * const upload = await cancelUpload(createClient(), "upload_abc123");
 * upload.status; // "cancelled"
 */
export async function cancelUpload(
  client: Client,
  uploadId: string,
  options: CancelUploadOptions = {},
): Promise<CancelledUpload> {
  const { signal, headers, maxRetries, timeout } = options;
  checkRetryOptions(options);
  const fetch = fetchOf(client);
  const call: Call = { operation: `Cancelling ${String(uploadId)}`, attempts: 0, unanswered: 0 };

  const { data, error, response } = await client.POST("/uploads/{upload_id}/cancel", {
    params: { path: { upload_id: uploadId } },
    ...(headers && { headers: checkedHeaders(headers) }),
    // Not as the Request's own signal: each Request would leave a listener on it until it is garbage collected.
    fetch: (request) => fetch(request, { call, maxRetries, timeout, signals: [signal] }),
    parseAs: "text",
  });
  if (response.status >= 400) throw new ApiError(call, response, error, retryAfter(response.headers));

  const body = data === undefined ? undefined : parse(data);
  if (isCancelledUpload(body)) return body;
  throw new InvalidResponseError(call, whatInstead(body), response, body);
}

/**
 * The fields that make it a cancel, and no more: an API that adds or drops another has still cancelled.
 * Nor is the id compared: gateways, and mocks such as Prism, answer with ids of their own.
 */
function isCancelledUpload(body: unknown): body is CancelledUpload {
  return isUpload(body) && body.status === "cancelled";
}

function isUpload(body: unknown): body is Upload {
  return (
    isObject(body) &&
    "id" in body &&
    typeof body.id === "string" &&
    "status" in body &&
    (!("object" in body) || body.object === "upload")
  );
}

function whatInstead(body: unknown): string {
  return isUpload(body) ? `with an Upload that is ${excerpt(body.status)}` : `with no Upload but ${excerpt(body)}`;
}

/** The JSON value, or the text where it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
