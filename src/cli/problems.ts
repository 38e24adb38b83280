import { STATUS_CODES } from "node:http";
import { ApiError, ClientError, ConnectionError, InvalidResponseError, TimeoutError } from "../errors.js";
import { oneLine } from "../text.js";
import { duration } from "./words.js";

/** What to do about an error, by its code. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^E[MN]FILE$/, "too many open files: lower --concurrency, or raise the limit (ulimit -n)"],
  [/ALTNAME_INVALID/, "check the host name in the base URL"],
  [/CERT_(HAS_EXPIRED|NOT_YET_VALID)/, "check this machine's clock; if it's right, the server needs a new certificate"],
  [/SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/, "if you trust its issuer, set NODE_EXTRA_CA_CERTS to the issuer's PEM file"],
  [/SSL_(WRONG_VERSION|PACKET_LENGTH)/, "this port doesn't speak TLS: check the base URL's port, or use http://"],
];

/** An error in one line, without the ID that the line begins with. */
export function messageOf(error: unknown): string {
  const hint = HINTS.find(([pattern]) => codesOf(error).some((code) => pattern.test(code)))?.[1];
  const message = oneLine(error instanceof Error ? error.message : String(error))
    .replace(/^(Cancelling \S+ (failed: )?|\S+ (?=was not sent))/, "")
    .replace(/\w+:error:\w+:SSL routines:\w*:([^:]+):\S*/, "$1") // the rest is for OpenSSL's developers
    .replace(" - Local (undefined:undefined)", "");
  return hint ? `${message}; ${hint}` : message;
}

/** Why a run ended by itself; undefined if its only ID has said so already. */
export function stopOf(error: ClientError, maxWait: number, isLast: boolean): string | undefined {
  const { status, code, type, retryAfter }: Partial<ApiError> = error instanceof ApiError ? error : {};
  const isAboutKey = status === 401 || [code, type].includes("insufficient_quota");
  if (isAboutKey) return isLast ? undefined : `Stopped: ${messageOf(error)}`;
  const asked = retryAfter && retryAfter > maxWait && `asks to wait ${duration(retryAfter)}, longer than --max-wait`;
  return `Stopped: the API ${asked || `hasn't accepted a request for ${duration(maxWait)}`}: ${messageOf(error)}`;
}

export function kindOf(error: Error): string {
  if (error instanceof ApiError) return `${error.status} ${STATUS_CODES[error.status]?.toLowerCase() ?? ""}`.trim();
  if (error instanceof TimeoutError) return "timed out";
  if (error instanceof ConnectionError) return "no response";
  if (error instanceof InvalidResponseError) return "unexpected response";
  return error instanceof TypeError ? "not an upload ID" : "stopped";
}

/** What --json shows of an error. */
export function fieldsOf(error: Error): object {
  const known: Partial<ApiError> = error instanceof ClientError ? error : {};
  const { status, code, type, param, requestId, retryAfter, attempts } = known;
  const fields = { status, code, type, param, request_id: requestId, retry_after_ms: retryAfter, attempts };
  return { name: error.name, message: messageOf(error), ...fields };
}

function codesOf(error: unknown): string[] {
  const { code, cause }: { code?: unknown; cause?: unknown } = Object(error);
  return [...(typeof code === "string" ? [code] : []), ...(cause ? codesOf(cause) : [])];
}
