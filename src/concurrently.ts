import { subscribe } from "./waiting.js";

/**
 * Runs over the items, so many at once, and gives each result as it comes. An item is drawn only when there is room for
 * it: what runs takes up room, and so does a result that nobody has taken yet. To leave the loop draws nothing more.
 *
 * @param run Must not reject.
 * @throws What `items` throws, or the reason of the signal; both after the results of what was started.
 */
export async function* concurrently<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  run: (item: Item) => Promise<Result>,
  concurrency: number,
  signal?: AbortSignal,
): AsyncGenerator<Result, void, undefined> {
  signal?.throwIfAborted();
  const results: Result[] = [];
  let running = 0;
  let stopped = false;
  let failure: { readonly error: unknown } | undefined;

  let change = newChange();
  const changed = () => {
    change.happen();
    change = newChange();
  };
  const stop = () => {
    stopped = true;
    changed();
  };
  const start = async (item: Item) => {
    running += 1;
    results.push(await run(item));
    running -= 1;
    changed();
  };
  const drawAll = async () => {
    for await (const item of items) {
      if (stopped) break;
      void start(item);
      while (!stopped && running + results.length >= concurrency) await change.happened;
    }
  };

  const unsubscribe = signal && subscribe(signal, stop);
  drawAll()
    .catch((error: unknown) => {
      failure = { error };
    })
    .finally(stop);
  try {
    while (!stopped || running > 0 || results.length > 0) {
      if (results.length === 0) await change.happened;
      for (const result of results.splice(0, 1)) {
        changed();
        yield result;
      }
    }
    signal?.throwIfAborted();
    if (failure) throw failure.error;
  } finally {
    unsubscribe?.();
    stop();
  }
}

function newChange(): { readonly happened: Promise<void>; readonly happen: () => void } {
  let happen = () => {};
  const happened = new Promise<void>((resolve) => {
    happen = resolve;
  });
  return { happened, happen };
}
