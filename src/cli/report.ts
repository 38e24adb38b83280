import { clearScreenDown, cursorTo, moveCursor } from "node:readline";
import prettyBytes from "pretty-bytes";
import type { CancelledUpload } from "../cancel-upload.js";
import { redact } from "../redact.js";
import type { Run } from "../run.js";
import { excerpt, oneLine, visible, visibleJson } from "../text.js";
import { fieldsOf, kindOf, messageOf } from "./explain.js";
import type { Entry } from "./ids.js";
import type { Context } from "./main.js";
import { createAnnouncer, join, progressLine, summary, Tally } from "./progress.js";
import type { ResultsFile } from "./results-file.js";

/** How often the progress line is redrawn, in ms, … */
const REDRAW_INTERVAL = 100;
/** … and how often it's checked whether the run has paused or resumed, if there is none. */
const ANNOUNCE_INTERVAL = 1_000;
/** Room for the `^C` that a terminal echoes. */
const RESERVED_COLUMNS = 3;
/** Some terminals don't know their size: that of `docker exec -t`, for example. */
const DEFAULT_COLUMNS = 80;

/** Reports a run: results go to standard output, everything else to standard error. */
export class Report {
  /** What has happened so far. */
  readonly tally: Tally = new Tally();
  readonly #context: Context;
  readonly #run: Run;
  readonly #resultsFile: ResultsFile | undefined;
  readonly #timer: NodeJS.Timeout;
  /** The line at the bottom of a terminal, … */
  #progress = () => "";
  /** … and how much of it is on the screen. */
  #shownLength = 0;

  /** @param total How many IDs there are; undefined if that isn't known. */
  constructor(context: Context, run: Run, total: number | undefined, resultsFile: ResultsFile | undefined) {
    this.#context = context;
    this.#run = run;
    this.#resultsFile = resultsFile;
    const { process, options } = context;
    Object.assign(this.tally, { total, success: options.dryRun ? "would be sent" : "cancelled" });
    // If someone is typing IDs, the terminal's last line is theirs.
    if (process.stderr.isTTY && (total !== undefined || !process.stdin.isTTY)) {
      this.#progress = () => progressLine(this.tally, run.state, performance.now());
      this.#above();
      this.#timer = setInterval(() => this.#above(), REDRAW_INTERVAL).unref();
    } else {
      const next = options.verbose ? () => undefined : createAnnouncer();
      this.#timer = setInterval(() => this.note(next(run.state, performance.now())), ANNOUNCE_INTERVAL).unref();
    }
  }

  cancelled(uploadId: string, upload: CancelledUpload): void {
    this.tally.succeeded += 1;
    const shown = redact([this.#context.key], upload);
    const id = redact([this.#context.key], upload._request_id);
    // Only the fields that make it a cancelled Upload have been checked.
    const { filename, bytes }: { filename?: unknown; bytes?: unknown } = Object(shown);
    const name = typeof filename === "string" ? excerpt(filename) : "";
    const size = typeof bytes === "number" && Number.isFinite(bytes) ? prettyBytes(bytes) : "";
    this.#print(["cancelled", uploadId, name, size], { upload_id: uploadId, ok: true, request_id: id, upload: shown });
  }

  /** A request that is not sent. The answer of a dry run repeats it. */
  planned(uploadId: string, answer: CancelledUpload): void {
    this.tally.succeeded += 1;
    const [method, url, headers] = Object(redact([this.#context.key], Object(answer).request));
    const words = [method, url, ...Object.entries(headers).map((header) => header.join(": "))];
    this.#print(words, { upload_id: uploadId, ok: true, request: { method, url, headers } });
  }

  failed({ text, line }: Entry, error: Error): void {
    const shown = excerpt(text);
    this.tally.addFailure(kindOf(error, text));
    const result = { upload_id: shown, ok: false, error: { ...fieldsOf(error), line } };
    this.#print(["failed   ", line === undefined ? shown : `line ${line}`, messageOf(error)], result);
    if (this.#context.options.verbose) this.note(error.stack);
  }

  /** Writes a line for people. */
  note(text: string | undefined): void {
    if (text === undefined) return;
    const { stdout, stderr } = this.#context.process;
    while (stdout.writableCorked > 0) stdout.uncork(); // in order, if both go to the same place
    this.#above(() => stderr.write(`${visible(text)}\n`));
  }

  end(isComplete: boolean): void {
    clearInterval(this.#timer);
    this.#progress = () => "";
    this.note(summary(this.tally, isComplete));
  }

  /** Resolves when standard output accepts more; undefined if it does already. */
  drained(): Promise<void> | undefined {
    const { stdout } = this.#context.process;
    // write() calls back even if the reader is gone.
    return stdout.writableNeedDrain ? new Promise((resolve) => stdout.write("", () => resolve())) : undefined;
  }

  /** Prints a result whose values don't show the key. They can have any other character. */
  #print([label = "", ...words]: readonly string[], result: object): void {
    const { stdout } = this.#context.process;
    const json = visibleJson(result);
    try {
      this.#resultsFile?.append(json);
    } catch (error) {
      this.#run.end(new Error(`--resume: ${messageOf(error)}`)); // a cancel that can't be recorded should not be sent
    }
    const line = this.#context.options.json ? json : join([label, ...words.map(oneLine)]);
    const write = () => stdout.write(`${line}\n`);
    if (stdout.isTTY) this.#above(write);
    else {
      stdout.cork(); // lines of the same turn of the event loop are written together: each write is slow
      write();
      setImmediate(() => stdout.uncork());
    }
  }

  /** Hides the progress line while something is written, and shows it again as it is now. */
  #above(write?: () => void): void {
    const { stderr } = this.#context.process;
    const columns = stderr.columns || DEFAULT_COLUMNS;
    if (this.#shownLength > 0) {
      const rows = Math.ceil(this.#shownLength / columns); // more than one if the terminal has become narrower
      moveCursor(stderr, 0, 1 - rows);
      cursorTo(stderr, 0);
      clearScreenDown(stderr);
    }
    write?.();
    const line = this.#progress().slice(0, columns - RESERVED_COLUMNS);
    if (line !== "") stderr.write(line);
    this.#shownLength = line.length;
  }
}
