/** The most that is read of a body, in bytes. */
const MAX_BODY_SIZE = 1024 * 1024;
/** Stands in for the text of a larger body. */
export const TOO_LONG = "a body over 1 MiB";

/** A body that no retry makes readable. The message completes "200 with …". */
export class UnreadableBody extends Error {}

/**
 * Reads a whole body as text. Of a body over 1 MiB, it stops reading, and returns {@link TOO_LONG}.
 *
 * @param signal Nothing more is read once it aborts.
 * @throws UnreadableBody, or what the stream fails with.
 */
export async function readBody(response: Response, signal: AbortSignal): Promise<string> {
  const { body, bodyUsed } = response;
  if (typeof response.text !== "function") throw new UnreadableBody("a body that has no text()");
  if (bodyUsed || body?.locked) {
    throw new UnreadableBody("a body that was already read: a fetch or a middleware should read response.clone()");
  }
  // A custom fetch can resolve to a Response with another kind of stream, or with none.
  if (!body?.getReader) return response.text();

  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  try {
    while (size <= MAX_BODY_SIZE && !signal.aborted) {
      const { done, value: chunk } = await reader.read();
      if (done) return text + decoder.decode();
      // Not instanceof Uint8Array: in a test environment such as jsdom, it can be another global's.
      if (!ArrayBuffer.isView(chunk)) throw new UnreadableBody(`a stream of ${typeof chunk}s, not of bytes`);
      text += decoder.decode(chunk, { stream: true });
      size += chunk.byteLength;
    }
    return TOO_LONG; // Nobody reads it if the signal has aborted.
  } finally {
    reader.cancel().catch(() => {}); // Closes the connection if there is more. Whether that works no longer matters.
  }
}
