/**
 * Settles as `run` does, but rejects as soon as one of the signals aborts (with its reason) or the time is up (with
 * `timeIsUp`); the signal that `run` is given aborts then. No timer and no listener outlives it.
 *
 * @param ms How long at most; 0 for no limit.
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

/** Waits so many ms, or until `cutShort` aborts; rejects as soon as one of the signals aborts. */
export function sleep(ms: number, signals: readonly AbortSignal[], cutShort?: AbortSignal): Promise<void> {
  return bounded(signals, async (signal) => {
    if (cutShort?.aborted) return;
    await new Promise<void>((resolve) => {
      const unsubscribe = cutShort && subscribe(cutShort, () => end());
      const end = () => {
        clearTimeout(timer);
        unsubscribe?.();
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.onabort = end;
    });
  });
}

/** What calls that share a rate limit have in common: if the server asks one of them to wait, all wait. */
export class Pace {
  /** No request is sent before this time, of `performance.now()`. */
  #notBefore = 0;

  /** The server asked to wait so many ms. */
  hold(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, performance.now() + ms);
  }

  /** How many ms until a request may be sent; 0 if it may be now. */
  get remaining(): number {
    return Math.max(this.#notBefore - performance.now(), 0);
  }

  /** Resolves when a request may be sent, or when `cutShort` aborts; rejects when one of the signals aborts. */
  async ready(signals: readonly AbortSignal[], cutShort?: AbortSignal): Promise<void> {
    // Again after a wait only if another call was asked to wait longer meanwhile: a clock may stand still.
    for (let waited = 0; waited !== this.#notBefore && this.remaining > 0 && !cutShort?.aborted; ) {
      waited = this.#notBefore;
      await sleep(Math.ceil(this.remaining) + 1, signals, cutShort); // A timer may be up to 1 ms early.
    }
  }
}

type Subscriber = (reason: unknown) => void;

/** Who waits for which signal, through one listener: Node 20 takes more than ten of them for a leak, and warns. */
const subscribers = new WeakMap<AbortSignal, Set<Subscriber>>();

/** @returns Ends the subscription. */
export function subscribe(signal: AbortSignal, subscriber: Subscriber): () => void {
  const all = subscribers.get(signal) ?? new Set();
  if (all.size === 0) {
    signal.addEventListener("abort", publish);
    subscribers.set(signal, all);
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
