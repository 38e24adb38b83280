import { clearLine, cursorTo } from "node:readline";
import type { WriteStream } from "node:tty";

/** How often it is drawn anew at the most, in ms. */
const INTERVAL = 100;
const MAX_BAR_WIDTH = 40;

/** One line at the end of a terminal that says how far the work is. */
export class Progress {
  readonly #stream: WriteStream;
  /** How much there is to do, where that is known. */
  readonly #total: number | undefined;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #shown = false;

  constructor(stream: WriteStream, total: number | undefined) {
    this.#stream = stream;
    this.#total = total;
  }

  show(done: number, words: string): void {
    if (this.#shown && performance.now() - this.#drawnAt < INTERVAL) return;
    this.hide();
    this.#stream.write(this.#line(done, words, this.#stream.columns - 1));
    this.#drawnAt = performance.now();
    this.#shown = true;
  }

  /** To be called before anything else is written to the terminal. */
  hide(): void {
    if (!this.#shown) return;
    cursorTo(this.#stream, 0);
    clearLine(this.#stream, 0);
    this.#shown = false;
  }

  #line(done: number, words: string, width: number): string {
    if (this.#total === undefined) return `${done} done: ${words}`.slice(0, width);
    const text = `${done}/${this.#total}  ${words}`;
    const barWidth = Math.min(MAX_BAR_WIDTH, width - text.length - "[]  ".length);
    if (barWidth < 5) return text.slice(0, width);
    const filled = Math.round((barWidth * done) / this.#total);
    return `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]  ${text}`;
  }
}
