/** How many bytes are allocated at once. */
const BLOCK_SIZE = 2 ** 20;

/**
 * Which texts were seen. They are kept as bytes outside of V8's heap: as strings in a Set, a million would take three
 * times the memory, and each garbage collection would look through them all.
 */
export class Seen {
  /** Each text, after a byte for its length. */
  readonly #blocks: Buffer[] = [];
  /** How many bytes of the last block. */
  #used = 0;
  #count = 0;
  /** A hash table: where each text is, plus one; 0 if there is none. */
  #slots = new Uint32Array(1024);

  /** Whether the text, of 1 to 256 ASCII characters, is seen for the first time. */
  add(text: string): boolean {
    const slot = this.#slotOf(text);
    if (this.#slots[slot] !== 0) return false;
    this.#slots[slot] = this.#write(text) + 1;
    this.#count += 1;
    if (this.#count > this.#slots.length / 2) this.#grow();
    return true;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (const place of old) if (place !== 0) this.#slots[this.#slotOf(this.#read(place - 1))] = place;
  }

  /** The slot that the text is in, or a free one for it. */
  #slotOf(text: string): number {
    const mask = this.#slots.length - 1;
    let slot = hash(text) & mask;
    for (let place = this.#slots[slot]; place && this.#read(place - 1) !== text; place = this.#slots[slot]) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  /** @returns The place where it is. */
  #write(text: string): number {
    let block = this.#blocks.at(-1);
    if (!block || this.#used + 1 + text.length > BLOCK_SIZE) {
      block = Buffer.alloc(BLOCK_SIZE);
      this.#blocks.push(block);
      this.#used = 0;
    }
    const start = this.#used;
    block[start] = text.length - 1; // So that 256 fits into a byte.
    block.write(text, start + 1, "latin1");
    this.#used += 1 + text.length;
    return (this.#blocks.length - 1) * BLOCK_SIZE + start;
  }

  #read(place: number): string {
    const block = this.#blocks[Math.floor(place / BLOCK_SIZE)] ?? Buffer.alloc(0);
    const start = (place % BLOCK_SIZE) + 1;
    return block.toString("latin1", start, start + (block[start - 1] ?? 0) + 1);
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value;
}
