/**
 * Settles as `run` does, but rejects as soon as one of the signals aborts (with its reason) or the time is up (with
 * `timeIsUp`); the signal that `run` is given aborts then. No timer and no listener outlives it.
 *
 * @param ms How long at the most; 0 for no limit.
 */
export function bounded<T>(
  signals: readonly AbortSignal[],
  run: (signal: AbortSignal) => Promise<T>,
  ms = 0,
  timeIsUp?: () => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    for (const signal of signals) signal.throwIfAborted();

    const controller = new AbortController();
    const cleanUp = () => {
      clearTimeout(timer);
      for (const unsubscribe of unsubscribes) unsubscribe();
    };
    const stop = (reason: unknown) => {
      cleanUp();
      reject(reason);
      controller.abort(reason);
    };
    const unsubscribes = signals.map((signal) => subscribe(signal, stop));
    const timer = ms > 0 ? setTimeout(() => stop(timeIsUp?.()), ms) : undefined;
    run(controller.signal).then(
      (value) => {
        cleanUp();
        resolve(value);
      },
      (error: unknown) => {
        cleanUp();
        reject(error);
      },
    );
  });
}

/** Waits, but rejects as soon as one of the signals aborts. */
export function sleep(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return bounded(
    signals,
    (signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal.onabort = () => clearTimeout(timer);
      }),
  );
}

/** What calls that share a limit have in common: where the server asks one of them to wait, all wait. */
export class Pace {
  /** No request is sent before this time, of `performance.now()`. */
  #notBefore = 0;

  /** The server asked to wait so many ms. */
  hold(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, performance.now() + ms);
  }

  /** Resolves when a request may be sent, or rejects when one of the signals aborts. */
  async ready(signals: readonly AbortSignal[]): Promise<void> {
    // Looks again after each wait: another call may have been asked to wait longer meanwhile.
    for (let ms = this.#wait(); ms > 0; ms = this.#wait()) await sleep(ms, signals);
  }

  #wait(): number {
    return this.#notBefore - performance.now();
  }
}

type Subscriber = (reason: unknown) => void;

/** Who waits for which signal, through one listener: Node 20 takes more than ten of them for a leak, and warns. */
const subscribers = new WeakMap<AbortSignal, Set<Subscriber>>();

/** @returns What ends the subscription. */
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
