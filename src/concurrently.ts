import { subscribe } from "./waiting.js";

/** How {@link concurrently} goes about it. */
export interface Concurrency<Item, Result> {
  /** Must not reject. */
  readonly run: (item: Item) => Promise<Result>;
  /** How many items may be in hand: they run, or their result was not taken yet. */
  readonly limit: number;
  /** What to wait for before the next item is drawn, if anything; must not reject. */
  readonly ready: () => Promise<void> | undefined;
  /** Once it aborts nothing more is drawn. */
  readonly noMore: AbortSignal;
  /** Called when the loop ends, however it does, before the source is closed. */
  readonly onEnd: () => void;
}

/**
 * Runs over the items, `limit` at once, and gives each result as it comes. An item is drawn only when there is room for
 * it, and an item that was drawn is run.
 *
 * @throws What `items` throws, or the reason of `noMore`; both after the results of what was started.
 */
export async function* concurrently<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  { run, limit, ready, noMore, onEnd }: Concurrency<Item, Result>,
): AsyncGenerator<Result, void, undefined> {
  noMore.throwIfAborted();
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const results: Result[] = [];
  let inHand = 0;
  let isDrawing = false;
  /** The source is at its end, or was told that nobody will ask it again. */
  let isOver = false;
  let failure: { readonly error: unknown } | undefined;
  let wake = () => {};

  const start = async (item: Item) => {
    inHand += 1;
    results.push(await run(item));
    wake();
  };
  const draw = async () => {
    isDrawing = true;
    try {
      while (!isOver && inHand < limit) {
        const wait = ready();
        if (wait) {
          await wait;
          continue; // All may have changed meanwhile.
        }
        const { done, value } = await source.next();
        if (done) isOver = true;
        else void start(value); // Even if the loop was left meanwhile: it was drawn.
      }
    } catch (error) {
      isOver = true;
      failure = { error };
    }
    isDrawing = false;
    wake();
  };
  const refill = () => {
    if (!isDrawing && !isOver && inHand < limit) void draw();
  };
  /** As `for await` leaves its source: waits for it, and throws what it throws. */
  const close = async () => {
    if (isOver) return;
    isOver = true;
    const closed = Promise.resolve(source.return?.());
    closed.catch(() => {}); // In case nobody waits for it any more.
    // A source that waits for its next item may do so for ever; one that has it is as good as drawn.
    await (isDrawing ? Promise.race([closed, new Promise((resolve) => setTimeout(resolve))]) : closed);
    if (failure) throw failure.error;
  };
  const stop = async () => {
    await close().catch(() => {}); // What is thrown is the reason of the stop.
    isDrawing = false;
    wake();
  };

  let stopped: Promise<void> | undefined;
  const unsubscribe = subscribe(noMore, () => {
    stopped = stop();
  });
  try {
    for (refill(); isDrawing || inHand > 0; refill()) {
      if (results.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      for (const result of results.splice(0)) {
        inHand -= 1;
        refill();
        yield result;
      }
    }
    await stopped;
    noMore.throwIfAborted();
    if (failure) throw failure.error;
  } finally {
    unsubscribe();
    onEnd();
    await close();
  }
}
