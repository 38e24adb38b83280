import prettyBytes from "pretty-bytes";
import type { CancelledUpload } from "../cancel-upload.js";
import { ApiError, ClientError, InvalidResponseError } from "../errors.js";
import { RETRY_DEFAULTS } from "../retry.js";
import { oneLine } from "../text.js";
import { hideKey } from "./key.js";
import { Progress, type State } from "./progress.js";

interface ReportOptions {
  /** What a success is called in the summary. */
  readonly success: string;
  /** How many results there will be, if it is known. */
  readonly total: number | undefined;
  /** How much of the input was read, from 0 to 1, if that is known. */
  readonly share: () => number | undefined;
  /** How many ms until a request may be sent. */
  readonly wait: () => number;
  /** JSON objects instead of words. */
  readonly json: boolean;
  /** With each attempt that failed, and the stack of each error. */
  readonly verbose: boolean;
}

/** What helps against an error that its message doesn't explain, by its code. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^E[MN]FILE$/, "too many files are open; lower --concurrency, or raise the limit (ulimit -n)"],
  [/CERT|LEAF_SIGNATURE/, "if you trust its certificate authority, set NODE_EXTRA_CA_CERTS to that one's PEM file"],
];

/** Reports the run: results to standard output, all else to standard error. */
export class Report {
  readonly #options: ReportOptions;
  readonly #progress: Progress | undefined;
  readonly #start = performance.now();
  #successes = 0;
  #failures = 0;
  /** What is still to be written to standard output. */
  #lines = "";

  constructor(options: ReportOptions) {
    this.#options = options;
    // If somebody types the IDs, the terminal's last line is theirs.
    const isShown = process.stderr.isTTY && (options.total !== undefined || !process.stdin.isTTY);
    this.#progress = isShown ? new Progress(process.stderr, () => this.#state()) : undefined;
  }

  get failures(): number {
    return this.#failures;
  }

  cancelled(uploadId: string, upload: CancelledUpload): void {
    this.#successes += 1;
    if (this.#options.json) {
      this.#print(JSON.stringify({ upload_id: uploadId, ok: true, upload }));
      return;
    }
    // What makes it a cancelled Upload was checked; whether the rest is as the contract says was not.
    const filename: unknown = upload.filename;
    const bytes: unknown = upload.bytes;
    const size = typeof bytes === "number" && Number.isFinite(bytes) ? prettyBytes(bytes) : "";
    this.#print(words("cancelled", uploadId, typeof filename === "string" ? oneLine(filename) : "", size));
  }

  /** What would have been sent. */
  planned(uploadId: string, { method, url, headers }: Request): void {
    this.#successes += 1;
    const shown = { ...Object.fromEntries(headers), authorization: "Bearer ***" };
    const request = { method, url, headers: shown };
    if (this.#options.json) this.#print(JSON.stringify({ upload_id: uploadId, ok: true, request }));
    else this.#print(words(method, url, ...Object.entries(shown).map(([name, value]) => `${name}: ${value}`)));
  }

  /** @param line Which line of standard input it is about, if that holds no ID. */
  failed(uploadId: string, error: Error, line?: number): void {
    this.#failures += 1;
    if (this.#options.json) {
      const fields = { ...fieldsOf(error), ...(line !== undefined && { line }) };
      this.#print(JSON.stringify({ upload_id: uploadId, ok: false, error: fields }));
    } else this.#print(words("failed   ", line === undefined ? uploadId : `line ${line}`, messageOf(error)));
    if (this.#options.verbose) this.note(String(error.stack));
  }

  /** An attempt failed, and another follows after so many ms. */
  retry(error: ClientError, wait: number): void {
    if (this.#options.verbose) this.note(`${error.message}; trying again in ${(wait / 1_000).toFixed(1)} s`);
  }

  /** The run stopped by itself, since the next would have failed as well. */
  stopped(error: unknown): void {
    if (this.#done === this.#options.total) return;
    const wait = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
    const why =
      wait > RETRY_DEFAULTS.maxWait
        ? `the API asks to wait ${Math.ceil(wait / 1_000)} s`
        : "the next ones would fail too";
    this.note(`Stopped, since ${why}: ${messageOf(error)}`);
  }

  /** Writes a line for people. */
  note(text: string): void {
    this.#flush();
    this.#progress?.hide();
    process.stderr.write(`${hideKey(text)}\n`);
    this.#progress?.show();
  }

  /** @param isWhole Whether all that was given was tried. */
  end(isWhole: boolean): void {
    this.#flush();
    this.#progress?.end();
    const { total } = this.#options;
    const untried = total === undefined ? "the rest" : total - this.#done;
    process.stderr.write(`${this.#counts}${isWhole || untried === 0 ? "" : `, ${untried} not tried`}\n`);
  }

  /** What to wait for before more is reported, if what was written has not been read; it may never be. */
  ready(): Promise<void> | undefined {
    if (!process.stdout.writableNeedDrain) return undefined;
    // Resolves also if the reader is gone, which the stream's error event tells.
    return new Promise((resolve) => process.stdout.write("", () => resolve()));
  }

  /** @param line One of words, or JSON. */
  #print(line: string): void {
    // The lines of one turn of the event loop are written at once: each write has its price.
    if (this.#lines === "") setImmediate(() => this.#flush());
    this.#lines += `${line}\n`;
    if (process.stdout.isTTY) this.#flush();
  }

  #flush(): void {
    if (this.#lines === "") return;
    if (process.stdout.isTTY) this.#progress?.hide();
    process.stdout.write(hideKey(this.#lines));
    this.#lines = "";
    this.#progress?.show();
  }

  get #done(): number {
    return this.#successes + this.#failures;
  }

  get #counts(): string {
    return `${this.#successes} ${this.#options.success}, ${this.#failures} failed`;
  }

  #state(): State | undefined {
    const { total, share, wait } = this.#options;
    const waiting = wait();
    if ((total ?? this.#done) <= 1 && waiting === 0) return undefined;
    const rate = Math.round(this.#done / ((performance.now() - this.#start) / 1_000));
    const shown = total === undefined ? share() : this.#done / total;
    const percentage = shown === undefined ? "" : `${Math.floor(shown * 100)} %`;
    const far = total === undefined ? words(percentage, `${rate}/s`) : `${this.#done}/${total}`;
    const waits = waiting > 0 ? `rate-limited, ${Math.ceil(waiting / 1_000)} s` : "";
    return { share: shown, words: words(far, waits, this.#counts) };
  }
}

function words(...all: readonly string[]): string {
  return all.filter((word) => word !== "").join("  ");
}

/** Without the start that says which Upload it is about: the line has said so. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const remedy = REMEDIES.find(([code]) => codesOf(error).some((found) => code.test(found)))?.[1];
  return oneLine(
    message.replace(/^Cancelling \S+ (failed: )?/, "").replace(" - Local (undefined:undefined)", "") +
      (remedy ? `; ${remedy}` : ""),
  );
}

/** The codes of an error and of its causes. */
function codesOf(error: unknown): string[] {
  const { code, cause }: { code?: unknown; cause?: unknown } = Object(error);
  return [...(typeof code === "string" ? [code] : []), ...(cause ? codesOf(cause) : [])];
}

function fieldsOf(error: Error): object {
  const fields = { name: error.name, message: messageOf(error) };
  if (!(error instanceof ClientError)) return fields;
  const { attempts } = error;
  if (error instanceof ApiError) {
    const { status, code, type, param, requestId, retryAfter } = error;
    return { ...fields, status, code, type, param, request_id: requestId, retry_after_ms: retryAfter, attempts };
  }
  if (error instanceof InvalidResponseError) {
    return { ...fields, status: error.status, request_id: error.requestId, attempts };
  }
  return { ...fields, attempts };
}
