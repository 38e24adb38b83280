/**
 * Settles as `work` does, but rejects as soon as one of the signals aborts (with its reason) or `ms` have passed (with what
 * `timeIsUp` returns). Leaves no timer and no listener behind.
 *
 * @param work Its signal aborts when nobody is waiting for it anymore.
 * @param limit `ms: 0` means no limit.
 */
export function bounded<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
  limit: { readonly ms: number; readonly timeIsUp?: () => unknown } = { ms: 0 },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted) return reject(aborted.reason);

    const controller = new AbortController();
    const cleanUp = () => {
      clearTimeout(timer);
      for (const unsubscribe of unsubscribes) unsubscribe();
    };
    const stop = (reason: unknown) => {
      cleanUp();
      reject(reason);
      controller.abort(); // With a reason of its own: Node's fetch overwrites the stack of the reason it is given.
    };
    const unsubscribes = signals.map((signal) => subscribe(signal, stop));
    const timer = limit.ms > 0 ? setTimeout(() => stop(limit.timeIsUp?.()), limit.ms) : undefined;
    work(controller.signal).then(resolve, reject).finally(cleanUp);
  });
}

/** Waits for `ms`, or until `wake` aborts. Rejects as soon as one of the signals aborts. */
export async function sleep(ms: number, signals: readonly AbortSignal[], wake?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let unsubscribe: (() => void) | undefined;
  const woken = () =>
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, wake?.aborted ? 0 : ms);
      unsubscribe = wake && subscribe(wake, () => resolve());
    });
  await bounded(signals, woken).finally(() => {
    clearTimeout(timer);
    unsubscribe?.();
  });
}

type Subscriber = (reason: unknown) => void;

/** Subscribers share one listener per signal: with more than ten, Node 20 warns of a memory leak. */
const subscribers = new WeakMap<AbortSignal, Set<Subscriber>>();

/** @returns Ends the subscription. */
export function subscribe(signal: AbortSignal, subscriber: Subscriber): () => void {
  const all = subscribers.get(signal) ?? new Set();
  if (all.size === 0) signal.addEventListener("abort", publish);
  subscribers.set(signal, all.add(subscriber));
  return () => {
    all.delete(subscriber);
    if (all.size === 0) signal.removeEventListener("abort", publish);
  };
}

function publish(this: AbortSignal): void {
  for (const subscriber of subscribers.get(this) ?? []) subscriber(this.reason);
}
