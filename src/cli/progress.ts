import { clearScreenDown, cursorTo, moveCursor } from "node:readline";
import type { WriteStream } from "node:tty";

/** How often it is redrawn, in ms. */
const INTERVAL = 100;
const MAX_BAR_WIDTH = 40;
const MIN_BAR_WIDTH = 5;
/** Room for the `^C` that a terminal echoes. */
const RESERVED_COLUMNS = 3;

/** How far the work is. */
export interface State {
  /** From 0 to 1, if it is known. */
  readonly share: number | undefined;
  readonly words: string;
}

/** Where the work stands; undefined while there is nothing to show. */
export type Look = () => State | undefined;

/** One line at the end of a terminal that says how far the work is. */
export class Progress {
  readonly #stream: WriteStream;
  readonly #look: Look;
  readonly #timer: NodeJS.Timeout;
  /** How many characters it has on the screen. */
  #length = 0;

  constructor(stream: WriteStream, look: Look) {
    this.#stream = stream;
    this.#look = look;
    this.#timer = setInterval(() => this.#redraw(), INTERVAL).unref();
    this.show();
  }

  /** Shows it again after it was hidden. */
  show(): void {
    if (this.#length > 0) return;
    const state = this.#look();
    if (state === undefined) return;
    const line = lineOf(state, this.#stream.columns - RESERVED_COLUMNS);
    this.#stream.write(line);
    this.#length = line.length;
  }

  /** To be called before anything else is written to the terminal. */
  hide(): void {
    if (this.#length === 0) return;
    // A terminal that has become narrower shows it on several lines.
    const lines = Math.ceil(this.#length / this.#stream.columns);
    moveCursor(this.#stream, 0, 1 - lines);
    cursorTo(this.#stream, 0);
    clearScreenDown(this.#stream);
    this.#length = 0;
  }

  end(): void {
    clearInterval(this.#timer);
    this.hide();
  }

  #redraw(): void {
    this.hide();
    this.show();
  }
}

function lineOf({ share, words }: State, width: number): string {
  const barWidth = Math.min(MAX_BAR_WIDTH, width - words.length - "[]  ".length);
  if (share === undefined || barWidth < MIN_BAR_WIDTH) return words.slice(0, width);
  const filled = Math.round(barWidth * share);
  return `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]  ${words}`;
}
