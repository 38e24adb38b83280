import { subscribe } from "./timing.js";

/** Items, or promises of items. */
export type Items<Item> = Iterable<Item | PromiseLike<Item>> | AsyncIterable<Item | PromiseLike<Item>>;

interface ConcurrencyOptions {
  /** How many items can be in progress: being worked on, or finished with a result that the consumer hasn't taken yet. */
  readonly limit: number;
  /** Once it aborts, no more items are taken from the source. */
  readonly ended: AbortSignal;
  /** Called when the consumer leaves the loop over the results, and at its end. Work in progress still finishes. */
  readonly onLeave: () => void;
}

/**
 * Works on up to `limit` items at a time and yields each result as it settles. Takes an item only if there is room for it.
 *
 * @param work Must not reject.
 * @throws What `items` throws, or the reason of `ended`, both after the results of the items in progress.
 */
export async function* concurrently<Item, Result>(
  items: Items<Item>,
  work: (item: Item) => Promise<Result>,
  { limit, ended, onLeave }: ConcurrencyOptions,
): AsyncGenerator<Result, void, undefined> {
  if (ended.aborted) throw ended.reason;
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const settled: Result[] = [];
  let working = 0;
  let taking: Promise<void> | undefined;
  let isExhausted = false; // The source has ended, has failed, or was told to close.
  let failure: { readonly error: unknown } | undefined;
  let closing: Promise<unknown> | undefined;
  let wake = () => {};

  const change = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  const hasRoom = () => !isExhausted && working + settled.length < limit;
  const take = async () => {
    try {
      while (hasRoom()) {
        const { done, value } = await source.next();
        if (done) isExhausted = true;
        else start(await value); // Even if the source was told to close meanwhile: it handed over the item.
      }
    } catch (error) {
      if (!closing) failure = { error }; // or else `ended` has the reason
      await close().catch(() => {}); // A promise of an item was rejected, and the source has more.
    }
    taking = undefined;
    wake();
  };
  const start = (item: Item) => {
    working += 1;
    void work(item).then((result) => {
      working -= 1;
      settled.push(result);
      wake();
    });
  };
  const close = async () => {
    if (isExhausted) return;
    isExhausted = true;
    await source.return?.();
  };
  /** Doesn't wait for long: a source that is waiting for its next item may never close. */
  const tryToClose = () => Promise.race([close().then(() => taking), new Promise((resolve) => setTimeout(resolve))]);
  const finish = async () => {
    await (taking ? tryToClose() : close());
    while (working > 0) await change();
    if (failure) throw failure.error;
  };

  const unsubscribe = subscribe(ended, () => {
    closing = tryToClose().catch(() => {}); // What gets thrown is the reason of `ended`.
    wake();
  });
  try {
    for (;;) {
      if (!taking && hasRoom()) taking = take();
      if (settled.length > 0) for (const result of settled.splice(0, 1)) yield result;
      else if (working > 0 || (taking && !closing)) await change();
      else if (!closing) break;
      else {
        await closing; // The source may hand over a last item.
        if (working + settled.length === 0) throw ended.reason;
      }
    }
  } finally {
    unsubscribe();
    onLeave();
    await finish();
  }
}
