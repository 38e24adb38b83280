/**
 * How long a server asks to wait, in ms; null if it doesn't say, or nothing that makes sense.
 *
 * It may say so in `retry-after-ms`, as OpenAI does, or in `Retry-After` (RFC 9110, section 10.2.3) in seconds or as an
 * HTTP date.
 */
export function retryAfter(headers: Headers): number | null {
  const after = headers.get("retry-after")?.trim() ?? "";
  const date = Date.parse(after.endsWith("GMT") ? after : "");
  const waits = [decimal(headers.get("retry-after-ms")), decimal(after) * 1000, date - Date.now()];
  return waits.find((ms) => ms >= 0) ?? null;
}

/** NaN if it is not a plain decimal number. */
function decimal(text: string | null): number {
  return Number(/^\s*(\d{1,15}(\.\d+)?)\s*$/.exec(text ?? "")?.[1]);
}
