/**
 * A timer that fires late was held up: the process was suspended, or busy. A response can have arrived meanwhile, so it gets
 * the lost time back, up to this many ms.
 */
const MAX_GRACE = 1_000;

/**
 * Settles as `work` does, but rejects as soon as one of the signals aborts (with its reason) or `timeout` ms have passed
 * (with what `timeoutError` returns). Leaves no timer and no listener behind.
 *
 * @param work Its signal aborts when nobody is waiting for it anymore.
 * @param timeout 0 means no limit.
 */
export function bounded<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
  timeout = 0,
  timeoutError?: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signals);
    const controller = new AbortController();
    const settle = () => {
      clearTimeout(timer);
      clearTimeout(graceTimer);
      for (const unsubscribe of subscriptions) unsubscribe();
    };
    const stop = (reason: unknown) => {
      settle();
      reject(reason);
      controller.abort(); // With a reason of its own: Node's fetch overwrites the stack of the reason it is given.
    };
    const expire = () => stop(timeoutError?.());
    const endsAt = performance.now() + timeout;
    const checkTime = () => {
      const late = Math.min(performance.now() - endsAt, MAX_GRACE);
      if (late > 0) graceTimer = setTimeout(expire, late);
      else expire();
    };
    const subscriptions = signals.map((signal) => subscribe(signal, stop));
    const timer = timeout > 0 ? setTimeout(checkTime, timeout) : undefined;
    let graceTimer: typeof timer;
    work(controller.signal).then(resolve, reject).finally(settle);
  });
}

/** Waits for `ms`. Rejects as soon as one of the signals aborts. */
export function sleep(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return bounded(signals, () => elapsed).finally(() => clearTimeout(timer));
}

/** @throws The reason of a signal that has aborted. */
export function throwIfAborted(signals: readonly AbortSignal[]): void {
  for (const signal of signals) if (signal.aborted) throw reasonOf(signal);
}

/** Why a signal aborted. The signals of some polyfills have no reason. */
function reasonOf({ reason }: AbortSignal): unknown {
  return reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
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
  for (const subscriber of subscribers.get(this) ?? []) subscriber(reasonOf(this));
}
