import { createReadStream, fstatSync } from "node:fs";
import { containsKey } from "./key.js";
import type { Context } from "./main.js";
import { STDIN, UsageError } from "./options.js";

/** The characters of IDs at OpenAI and at gateways, but not what programs print if there is no ID. */
export const ID: RegExp = /^(?!(\.{1,2}|null|undefined)$)[\w.~:+/=-]{1,256}$/;
/** A longer line isn't an ID. */
const MAX_LINE_LENGTH = 1_024;
/** UTF-16 read as UTF-8: every other byte of ASCII characters is NUL, and the byte order mark is invalid. */
const UTF_16 = /\0|^\ufffd\ufffd/;

/** An argument, or a line of standard input with its number. */
export type Entry = Readonly<{ text: string; line?: number | undefined }>;

/** The arguments and the lines of standard input, in order. */
export async function* readEntries({ args, process: { stdin } }: Context): AsyncGenerator<Entry> {
  for (const arg of args) {
    if (arg === STDIN) yield* entriesOf(stdin.setEncoding("utf8"));
    else yield { text: arg };
  }
}

/** How many entries there will be; undefined if standard input can't be read ahead. */
export async function countEntries({ args, key, process: { stdin } }: Context): Promise<number | undefined> {
  if (!args.includes(STDIN)) return args.length;
  if (stdin.fd === undefined) return undefined;
  const stats = fstatSync(stdin.fd);
  if (stats.isDirectory()) throw new UsageError("standard input is a directory");
  // Node opens /dev/null in place of one that is closed.
  if (stats.isCharacterDevice() && !stdin.isTTY) throw new UsageError("standard input is closed or /dev/null");
  if (!stats.isFile()) return undefined;
  // With a start, reading doesn't move the position of the file.
  const file = createReadStream("", { fd: stdin.fd, start: 0, autoClose: false, encoding: "utf8" });
  let count = args.length - 1;
  for await (const entry of entriesOf(file)) {
    rejectKey(entry, key);
    count += 1;
  }
  return count;
}

/** @throws UsageError that doesn't show the key, which must not be sent in a URL. */
export function rejectKey({ text, line }: Entry, key: string): void {
  if (!containsKey(text, key)) return;
  const place = line === undefined ? "an argument" : `line ${line} of standard input`;
  throw new UsageError(`${place} is an API key, not an upload ID; the key belongs in OPENAI_API_KEY`);
}

/** @throws UsageError if both are the same file: what is appended to it would be read as IDs, without an end. */
export function rejectSameFile({ args, process: { stdin } }: Context, output: number | undefined, name: string): void {
  if (!args.includes(STDIN) || stdin.fd === undefined || output === undefined) return;
  const [one, other] = [fstatSync(stdin.fd, { bigint: true }), fstatSync(output, { bigint: true })];
  if (one.isFile() && one.dev === other.dev && one.ino === other.ino) {
    throw new UsageError(`standard input and ${name} are the same file: results would be read as IDs`);
  }
}

async function* entriesOf(chunks: AsyncIterable<string>): AsyncGenerator<Entry> {
  let line = 0;
  for await (const content of splitLines(chunks, MAX_LINE_LENGTH)) {
    if (line === 0 && UTF_16.test(content)) {
      throw new UsageError("standard input is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8");
    }
    line += 1;
    const text = content.trim();
    if (text !== "" && !text.startsWith("#")) yield { text, line };
  }
}

/** The lines of a text. Of a line that spans several chunks only so much is kept; an ellipsis marks the cut. */
export async function* splitLines(chunks: AsyncIterable<string>, maxLength: number): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const [first = "", ...lines] = chunk.split("\n");
    lines.unshift(`${rest}${first}`);
    rest = lines.pop() ?? "";
    if (rest.length > maxLength) rest = rest.trimStart();
    if (rest.length > maxLength) rest = `${rest.slice(0, maxLength)}…`;
    yield* lines;
  }
  yield rest;
}
