import { appendFileSync, createReadStream, existsSync, fstatSync, openSync } from "node:fs";
import { parse } from "../text.js";
import { splitLines } from "./ids.js";
import { UsageError } from "./options.js";

/** Where results are kept; `cancelled` are the IDs that were cancelled according to earlier results. */
export type ResultsFile = Readonly<{ fd: number; cancelled: ReadonlySet<string>; append: (line: string) => void }>;

/**
 * Opens the file of `--resume`, with one result per line as JSON, and reads it. A cancel can't be undone, so it doesn't
 * matter if the file also lists a failure for the same ID. A missing file is created, unless it would only be read.
 */
export async function openResultsFile(path: string, isReadOnly: boolean): Promise<ResultsFile | undefined> {
  if (isReadOnly && !existsSync(path)) return undefined;
  const fd = openSync(path, isReadOnly ? "r" : "a");
  if (!fstatSync(fd).isFile()) throw new UsageError(`${path} is not a regular file`);
  const cancelled = new Set<string>();
  let separator = "";
  for await (const line of splitLines(createReadStream(path, "utf8"), Number.POSITIVE_INFINITY)) {
    const { upload_id: id, ok, request }: Partial<Record<string, unknown>> = Object(parse(line.trim()));
    // The output of a dry run says ok too, but has a request in place of an Upload.
    if (ok === true && request === undefined && typeof id === "string") cancelled.add(id);
    separator = line === "" ? "" : "\n"; // after a torn line
  }
  const append = (line: string) => {
    const text = `${separator}${line}\n`;
    separator = "\n"; // if writing fails halfway
    appendFileSync(fd, text);
    separator = "";
  };
  return { fd, cancelled, append };
}
