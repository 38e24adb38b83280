import { fstatSync } from "node:fs";

/** What IDs are made of, at OpenAI and at gateways. A text with anything else in it is no ID. */
const ID = /^(?!\.{1,2}$)[\w.~:+/=-]{1,256}$/;
/** What programs print if there is none. */
const NO_IDS: readonly string[] = ["null", "undefined"];

export function isId(text: string): boolean {
  return ID.test(text) && !NO_IDS.includes(text);
}

/** A line of standard input, and its number. */
export interface Line {
  readonly text: string;
  readonly number: number;
}

/** The lines of standard input that hold anything but a comment, as they come in. */
export class StdinLines implements AsyncIterable<Iterable<Line>> {
  /** How large it is, in bytes, if it is a file. */
  readonly #size: number | undefined;
  #consumed = 0;
  #number = 0;

  constructor() {
    const stats = fstatSync(process.stdin.fd);
    this.#size = stats.isFile() ? stats.size : undefined;
  }

  /** How much of it was read, from 0 to 1, if it is a file. */
  get share(): number | undefined {
    return this.#size && Math.min(1, this.#consumed / this.#size);
  }

  /** Chunk by chunk: to wait for each line would take longer than to look at it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Iterable<Line>, void, undefined> {
    let rest = "";
    for await (const chunk of process.stdin.setEncoding("utf8")) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      yield this.#withContent(lines);
    }
    yield this.#withContent([rest]);
  }

  *#withContent(lines: readonly string[]): Generator<Line, void, undefined> {
    for (const line of lines) {
      this.#number += 1;
      this.#consumed += line.length + 1;
      if (isContent(line)) yield { text: line.trim(), number: this.#number };
    }
  }
}

function isContent(line: string): boolean {
  return /^\s*[^\s#]/.test(line);
}
