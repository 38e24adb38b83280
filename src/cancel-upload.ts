import type { components } from "../generated/openapi.js";
import type { Client, ClientOptions } from "./client.js";
import { ApiError, excerpt, InvalidResponseError, isObject } from "./errors.js";

/** A large file that is sent in Parts. */
export type Upload = components["schemas"]["Upload"];

/** The File of a completed Upload. */
export type OpenAIFile = components["schemas"]["OpenAIFile"];

/** An Upload that was given up: no Parts may be added to it. */
export type CancelledUpload = Upload & { status: "cancelled" };

/** What one call may set for itself. */
export interface CancelUploadOptions {
  /** Gives the call up; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Headers for this call, over the client's. */
  readonly headers?: ClientOptions["headers"] | undefined;
}

/**
 * Cancels an Upload. Resolves only when the API answered with an Upload whose status is `cancelled`.
 *
 * @param uploadId The Upload's `id`, such as `upload_abc123`.
 * @throws ApiError where the API refused, ConnectionError where it gave no answer, InvalidResponseError where the
 * answer is no cancelled Upload, TypeError where an argument can't be used (nothing is sent then).
 * @example
 * const upload = await cancelUpload(createClient(), "upload_abc123");
 * upload.status; // "cancelled"
 */
export async function cancelUpload(
  client: Client,
  uploadId: string,
  { signal, headers }: CancelUploadOptions = {},
): Promise<CancelledUpload> {
  const { data, error, response } = await client.POST("/uploads/{upload_id}/cancel", {
    params: { path: { upload_id: uploadId } },
    parseAs: "text",
    ...(signal && { signal }),
    ...(headers && { headers }),
  });
  const context = { operation: `Cancelling ${uploadId}`, response, attempts: 1 };
  if (!response.ok && response.status >= 400) throw new ApiError({ ...context, body: error });

  const answer = data ?? error;
  const body = typeof answer === "string" ? parse(answer) : answer;
  if (isCancelledUpload(body)) return body;
  throw new InvalidResponseError(whatInstead(body), { ...context, body });
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
  return isUpload(body) ? `an Upload that is ${JSON.stringify(body.status)}` : `no Upload but ${excerpt(body)}`;
}

/** The JSON value, or the text where it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
