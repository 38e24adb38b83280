import prettyBytes from "pretty-bytes";
import type { CancelledUpload } from "../cancel-upload.js";
import { ApiError, ClientError, InvalidResponseError } from "../errors.js";
import { redact } from "../redact.js";
import { oneLine } from "../text.js";
import { Progress } from "./progress.js";

interface ReportOptions {
  /** What those that didn't fail are called when they are counted. */
  readonly success: string;
  /** How many results there will be, where that is known. */
  readonly total: number | undefined;
  /** JSON objects instead of words. */
  readonly json: boolean;
  /** With the stack of each error. */
  readonly verbose: boolean;
  /** The key, which a server may repeat. */
  readonly secret: string;
}

/** Says how the work goes: the results on standard output, what is for people on standard error. */
export class Report {
  readonly #options: ReportOptions;
  readonly #progress: Progress | undefined;
  #successes = 0;
  #failures = 0;

  constructor(options: ReportOptions) {
    this.#options = options;
    // Where somebody types the IDs, the line is theirs.
    const isShown = process.stderr.isTTY && (options.total !== undefined || !process.stdin.isTTY);
    this.#progress = isShown ? new Progress(process.stderr, options.total) : undefined;
    this.#showProgress();
  }

  get failures(): number {
    return this.#failures;
  }

  async cancelled(uploadId: string, upload: CancelledUpload): Promise<void> {
    this.#successes += 1;
    // What makes it a cancelled Upload was checked; whether the rest is as the contract says was not.
    const filename: unknown = upload.filename;
    const bytes: unknown = upload.bytes;
    const size = typeof bytes === "number" ? prettyBytes(bytes, { maximumFractionDigits: 1 }) : "";
    await this.#print(["cancelled", uploadId, typeof filename === "string" ? oneLine(filename) : "", size], upload);
  }

  /** What would have been sent. */
  async planned(uploadId: string, request: Request): Promise<void> {
    this.#successes += 1;
    const { method, url } = request;
    const headers = Object.fromEntries([...request.headers, ["authorization", "Bearer ***"]]);
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    await this.#print([method, url, ...fields], { upload_id: uploadId, request: { method, url, headers } });
  }

  /** @param line Which line of standard input it is about, where that holds no ID. */
  async failed(uploadId: string, error: unknown, line?: number): Promise<void> {
    this.#failures += 1;
    const subject = line === undefined ? uploadId : `line ${line}`;
    await this.#print(["failed   ", subject, messageOf(error, uploadId)], {
      upload_id: uploadId,
      error: { ...fieldsOf(error, uploadId), ...(line !== undefined && { line }) },
    });
    if (this.#options.verbose) this.note(error instanceof Error ? String(error.stack) : String(error));
  }

  /** Something that a person should know. */
  note(text: string): void {
    this.#progress?.hide();
    process.stderr.write(`${text}\n`);
    this.#showProgress();
  }

  end(): void {
    this.#progress?.hide();
    process.stderr.write(`${this.#counts()}\n`);
  }

  async #print(words: readonly string[], object: object): Promise<void> {
    if (process.stdout.isTTY) this.#progress?.hide();
    const secrets = [this.#options.secret];
    const line = this.#options.json
      ? JSON.stringify(redact(secrets, object))
      : redact(secrets, words.filter((word) => word !== "").join("  "));
    // Resolves once the reader took it; also where the reader is gone, which the stream's error event tells.
    await new Promise<void>((resolve) => process.stdout.write(`${line}\n`, () => resolve()));
    this.#showProgress();
  }

  #showProgress(): void {
    const done = this.#successes + this.#failures;
    if ((this.#options.total ?? done) > 1) this.#progress?.show(done, this.#counts());
  }

  #counts(): string {
    return `${this.#successes} ${this.#options.success}, ${this.#failures} failed`;
  }
}

/** Without the start that says which Upload it is about: the line has said so. */
function messageOf(error: unknown, uploadId: string): string {
  const message = error instanceof Error ? error.message : String(error);
  return oneLine(message.replace(`Cancelling ${uploadId} failed: `, ""));
}

function fieldsOf(error: unknown, uploadId: string): object {
  const name = error instanceof Error ? error.name : "Error";
  const fields = { name, message: messageOf(error, uploadId) };
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
