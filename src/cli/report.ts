import prettyBytes from "pretty-bytes";
import type { CancelledUpload } from "../cancel-upload.js";
import type { RunState } from "../run.js";
import { excerpt, oneLine } from "../text.js";
import type { Entry } from "./ids.js";
import { hideKey } from "./key.js";
import type { Options } from "./options.js";
import { fieldsOf, kindOf, messageOf } from "./problems.js";
import { noProgress, type Progress, startProgress } from "./progress.js";
import type { Tally } from "./tally.js";
import { createAnnouncer, join, progressLine, summary } from "./words.js";

/** Reports a run: results go to standard output, everything else to standard error. */
export class Report {
  readonly #tally: Tally;
  readonly #options: Options;
  readonly #record: (json: string) => void;
  readonly #progress: Progress = noProgress;

  /** @param record Keeps a result, as JSON, before it is printed. */
  constructor(tally: Tally, state: () => RunState, options: Options, record: (json: string) => void) {
    this.#tally = tally;
    this.#options = options;
    this.#record = record;
    // If someone is typing IDs, the terminal's last line is theirs.
    if (process.stderr.isTTY && (tally.total !== undefined || !process.stdin.isTTY)) {
      this.#progress = startProgress(process.stderr, () => progressLine(tally, state(), performance.now()));
    } else if (!options.verbose) {
      const next = createAnnouncer();
      setInterval(() => this.note(next(state(), performance.now())), 1_000).unref();
    }
  }

  cancelled(uploadId: string, upload: CancelledUpload): void {
    // Only the fields that make it a cancelled Upload have been checked.
    const { filename, bytes }: { filename?: unknown; bytes?: unknown } = upload;
    const size = typeof bytes === "number" && Number.isFinite(bytes) ? prettyBytes(bytes) : "";
    const words = ["cancelled", uploadId, typeof filename === "string" ? oneLine(filename) : "", size];
    this.#tally.succeeded += 1;
    this.#print(words, { upload_id: uploadId, ok: true, upload });
  }

  /** A request that is not sent. */
  planned(uploadId: string, { method, url, headers }: Request): void {
    const shown = { ...Object.fromEntries(headers), authorization: "Bearer ***" };
    const words = [method, url, ...Object.entries(shown).map(([name, value]) => `${name}: ${value}`)];
    this.#tally.succeeded += 1;
    this.#print(words, { upload_id: uploadId, ok: true, request: { method, url, headers: shown } });
  }

  invalid({ text, line }: Entry): void {
    this.failed({ text: excerpt(text), line }, new TypeError(`not an upload ID: ${JSON.stringify(excerpt(text))}`));
  }

  failed({ text, line }: Entry, error: Error): void {
    this.#tally.addFailure(kindOf(error));
    const json = { upload_id: text, ok: false, error: { ...fieldsOf(error), line } };
    this.#print(["failed   ", line === undefined ? text : `line ${line}`, messageOf(error)], json);
    if (this.#options.verbose) this.note(error.stack);
  }

  /** Writes a line for people. */
  note(text: string | undefined): void {
    if (text === undefined) return;
    while (process.stdout.writableCorked > 0) process.stdout.uncork(); // in order, if both go to the same place
    this.#progress.above(() => process.stderr.write(`${hideKey(text)}\n`));
  }

  end(isComplete: boolean): void {
    this.#progress.end();
    this.note(summary(this.#tally, isComplete));
  }

  /** Resolves when standard output accepts more; undefined if it does already. */
  drained(): Promise<void> | undefined {
    if (!process.stdout.writableNeedDrain) return undefined;
    return new Promise((resolve) => process.stdout.write("", () => resolve())); // even if the reader is gone
  }

  #print(words: readonly string[], result: object): void {
    const json = JSON.stringify(result);
    this.#record(json);
    const write = () => process.stdout.write(hideKey(`${this.#options.json ? json : join(words)}\n`));
    if (process.stdout.isTTY) this.#progress.above(write);
    else {
      process.stdout.cork(); // lines of the same turn of the event loop are written together: each write is slow
      write();
      setImmediate(() => process.stdout.uncork());
    }
  }
}
