import { type ApiError, ClientError, causesOf, TimeoutError } from "../errors.js";
import { askedMs, endsRun } from "../retry.js";
import { oneLine } from "../text.js";
import { duration } from "./progress.js";

/** What to do about an error, by the code or message of a cause. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^E[MN]FILE$/, "too many open files: lower --concurrency, or raise the limit (ulimit -n)"],
  [/ALTNAME_INVALID/, "check the host name in the base URL"],
  [/CERT_(HAS_EXPIRED|NOT_YET_VALID)/, "check this machine's clock; if it's right, the server needs a new certificate"],
  [/SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/, "if you trust its issuer, set NODE_EXTRA_CA_CERTS to the issuer's PEM file"],
  [/SSL_(WRONG_VERSION|PACKET_LENGTH)/, "this port doesn't speak TLS: check the base URL's port, or use http://"],
  [/^Proxy (.*407|Authen)/, "the proxy wants a user and password, as in HTTP_PROXY=http://user:password@host:port"],
  [/^Proxy .*403/, "the proxy forbids this host or port; NO_PROXY can list hosts that need no proxy"],
];

/** Parts that a line leaves out: internals of OpenSSL, Node and undici. */
const NOISE =
  /\w+:error:\w+:SSL routines:\w*:([^:]+):\S*| - Local \(undefined:undefined\)| !== 200 when HTTP Tunneling/g;

/** An error in one line, without the ID that the line begins with. */
export function messageOf(error: unknown): string {
  const clues = [Object(error), ...causesOf(Object(error))].flatMap(({ code, message }) => [code, message].map(String));
  const hint = HINTS.find(([pattern]) => clues.some((clue) => pattern.test(clue)))?.[1];
  const text = oneLine(error instanceof Error ? error.message : String(error));
  const start = error instanceof ClientError ? text.indexOf(error.problem) : 0;
  const message = text.slice(start).replace(NOISE, "$1");
  return hint ? `${message}; ${hint}` : message;
}

/** Why a run ended by itself; undefined if the result of its last ID has said so already. */
export function stopOf(error: ClientError, maxWait: number, isLast: boolean): string | undefined {
  const wait = askedMs(error) ?? 0;
  if (wait <= maxWait && endsRun(error, maxWait)) return isLast ? undefined : `Stopped: ${messageOf(error)}`;
  const asked = wait > maxWait && `asks to wait ${duration(wait)}, longer than --max-wait`;
  return `Stopped: the API ${asked || `hasn't accepted a request for ${duration(maxWait)}`}: ${messageOf(error)}`;
}

/** What happened, in the same words for every ID: statuses stay, and other words with digits go, such as ports. */
export function kindOf(error: Error, uploadId: string): string {
  if (!(error instanceof ClientError)) return error instanceof TypeError ? "not an upload ID" : messageOf(error);
  if (error instanceof TimeoutError) return error.problem;
  const differs = (word: string) => /^(?!\W*\d{3}\W*$).*\d/.test(word) || word.replace(/^\W+|\W+$/g, "") === uploadId;
  const kind = error.problem.replace(NOISE, "$1").replace(/\S+/g, (word) => (differs(word) ? "…" : word));
  return kind.replace(/[.:;,]$/, "");
}

/** What --json shows of an error. */
export function fieldsOf(error: Error): object {
  const known: Partial<ApiError> = error instanceof ClientError ? error : {};
  const { status, code, type, param, requestId, retryAfter, attempts } = known;
  const fields = { status, code, type, param, request_id: requestId, retry_after_ms: retryAfter, attempts };
  return { name: error.name, message: messageOf(error), ...fields };
}
