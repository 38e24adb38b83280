/** When to stop waiting. */
interface Limit {
  /** 0 for never. */
  readonly ms: number;
  /** What to reject with then. */
  readonly error: () => Error;
}

/**
 * Settles as `run` does, or rejects as soon as one of the signals aborts (with its reason) or the time is up; the signal
 * that `run` is given aborts then. No timer and no listener outlives it.
 */
export function bounded<T>(
  run: (signal: AbortSignal) => Promise<T>,
  signals: readonly AbortSignal[],
  limit?: Limit,
): Promise<T> {
  return new Promise((resolve, reject) => {
    for (const signal of signals) signal.throwIfAborted();

    const controller = new AbortController();
    const stop = (reason: unknown) => {
      cleanUp();
      reject(reason);
      controller.abort(reason);
    };
    const timer = limit && limit.ms > 0 ? setTimeout(() => stop(limit.error()), limit.ms) : undefined;
    const unsubscribe = signals.map((signal) => subscribe(signal, stop));
    const cleanUp = () => {
      clearTimeout(timer);
      for (const end of unsubscribe) end();
    };
    run(controller.signal).finally(cleanUp).then(resolve, reject);
  });
}

/** Waits, and rejects as soon as one of the signals aborts. */
export function sleep(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  const run = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => clearTimeout(timer));
    });
  return bounded(run, signals);
}

type Subscriber = (reason: unknown) => void;

/** Who waits for which signal, through one listener: Node 20 takes more than ten of them for a leak, and warns. */
const subscribers = new WeakMap<AbortSignal, Set<Subscriber>>();

/** @returns What ends the subscription. */
export function subscribe(signal: AbortSignal, subscriber: Subscriber): () => void {
  const all = subscribers.get(signal) ?? new Set();
  if (all.size === 0) {
    subscribers.set(signal, all);
    signal.addEventListener("abort", publish);
  }
  all.add(subscriber);
  return () => {
    all.delete(subscriber);
    if (all.size === 0) signal.removeEventListener("abort", publish);
  };
}

function publish(this: AbortSignal): void {
  for (const subscriber of subscribers.get(this) ?? []) subscriber(this.reason);
}
