import { hash } from "node:crypto";

/**
 * Which texts were seen. It keeps 64 bits of each one's SHA-256, since a Set of a million upload IDs takes 100 MB. That
 * two of a million have the same is as likely as one in 30 million.
 */
export class Seen {
  #table = new BigUint64Array(1024);
  #size = 0;

  /** Whether the text is seen for the first time. */
  add(text: string): boolean {
    const isNew = this.#insert(hash("sha256", text, "buffer").readBigUInt64LE() || 1n); // 0 is a free place
    if (isNew) this.#size += 1;
    if (this.#size * 2 > this.#table.length) this.#grow();
    return isNew;
  }

  #insert(digest: bigint): boolean {
    const table = this.#table;
    let at = Number(digest % BigInt(table.length));
    while (table[at] !== 0n && table[at] !== digest) at = (at + 1) % table.length;
    const isNew = table[at] === 0n;
    table[at] = digest;
    return isNew;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new BigUint64Array(old.length * 2);
    for (const digest of old) if (digest !== 0n) this.#insert(digest);
  }
}
