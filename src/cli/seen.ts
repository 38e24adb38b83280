const PARTS = 64;

/** Which texts were seen: a Set in parts, since one that grows takes the memory of its old and its new size meanwhile. */
export class Seen {
  readonly #parts = Array.from({ length: PARTS }, () => new Set<string>());

  /** Whether the text is seen for the first time. */
  add(text: string): boolean {
    const part = this.#partOf(text);
    if (part.has(text)) return false;
    // In bytes of its own: a part of what was read would keep all of it in memory.
    part.add(Buffer.from(text).toString("latin1"));
    return true;
  }

  /** The ends of IDs differ most. */
  #partOf(text: string): Set<string> {
    const hash = text.charCodeAt(text.length - 1) * 31 + text.charCodeAt(Math.max(text.length - 2, 0));
    return this.#parts[hash % PARTS] ?? new Set();
  }
}
