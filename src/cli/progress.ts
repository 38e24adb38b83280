import { clearScreenDown, cursorTo, moveCursor } from "node:readline";
import type { WriteStream } from "node:tty";

/** How often the line is redrawn, in ms. */
const INTERVAL = 100;
/** Room for the `^C` that a terminal echoes. */
const RESERVED_COLUMNS = 3;

/** A line at the bottom of a terminal; `above` hides it while something else is written there. */
export type Progress = Readonly<{ above: (write: () => void) => void; end: () => void }>;

export const noProgress: Progress = { above: (write) => write(), end: () => {} };

export function startProgress(stream: WriteStream, currentLine: () => string): Progress {
  let length = 0; // on the screen
  const above = (write: () => void) => {
    if (length > 0) {
      const rows = Math.ceil(length / stream.columns); // more than one if the terminal has become narrower
      moveCursor(stream, 0, 1 - rows);
      cursorTo(stream, 0);
      clearScreenDown(stream);
    }
    write();
    const line = currentLine().slice(0, stream.columns - RESERVED_COLUMNS);
    if (line !== "") stream.write(line);
    length = line.length;
  };
  const redraw = () => above(() => {});
  const timer = setInterval(redraw, INTERVAL).unref();
  const end = () => {
    clearInterval(timer);
    currentLine = () => "";
    redraw();
  };
  redraw();
  return { above, end };
}
