/** What cuts a call short, but for signals. */
interface Bounds {
  /** How long it may take, in ms; 0 for no limit. */
  readonly ms?: number;
  /** What it rejects with then. */
  readonly timeIsUp?: () => unknown;
  /** Whose signal aborts if it is cut short. */
  readonly group?: AbortGroup;
}

/**
 * Settles as `run` does, but rejects as soon as one of the signals aborts (with its reason) or the time is up. No timer and
 * no listener outlives it.
 *
 * @param run It can ask whether that has happened.
 */
export function bounded<T>(
  signals: readonly AbortSignal[],
  run: (isStopped: () => boolean) => Promise<T>,
  { ms = 0, timeIsUp, group }: Bounds = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    for (const signal of signals) signal.throwIfAborted();

    let isStopped = false;
    const cleanUp = () => {
      clearTimeout(timer);
      for (const unsubscribe of unsubscribes) unsubscribe();
    };
    const stop = (reason: unknown) => {
      isStopped = true;
      cleanUp();
      reject(reason);
      group?.stop(reason);
    };
    const end = () => {
      if (isStopped) return;
      cleanUp();
      group?.end();
    };
    const unsubscribes = signals.map((signal) => subscribe(signal, stop));
    const timer = ms > 0 ? setTimeout(() => stop(timeIsUp?.()), ms) : undefined;
    group?.join();
    run(() => isStopped).then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}

/** How many calls may share a signal: from the 11th listener on Node 20 warns of a leak. */
const MAX_GROUP_SIZE = 10;
/** How long after the first of them another may join, in ms. */
const MAX_GROUP_AGE = 10;

/**
 * The signal of one call, or of some that begin together and may take as long: it aborts once all of them have ended, if
 * one was cut short. To make each its own takes Node 20 longer than the rest of a call's own work.
 */
export class AbortGroup {
  readonly #controller = new AbortController();
  readonly #start = performance.now();
  #joined = 0;
  #ended = 0;
  #stopped: { readonly reason: unknown } | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether another call may join. */
  get isOpen(): boolean {
    return this.#joined < MAX_GROUP_SIZE && performance.now() - this.#start < MAX_GROUP_AGE;
  }

  join(): void {
    this.#joined += 1;
  }

  /** One of the calls has ended. */
  end(): void {
    this.#ended += 1;
    if (this.#stopped && this.#ended === this.#joined) this.#controller.abort(this.#stopped.reason);
  }

  /** One of the calls was cut short. */
  stop(reason: unknown): void {
    this.#stopped = { reason };
    this.end();
  }
}

/** Waits so many ms, or until `cutShort` aborts; rejects as soon as one of the signals aborts. */
export function sleep(ms: number, signals: readonly AbortSignal[], cutShort?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let unsubscribe: (() => void) | undefined;
  const end = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, cutShort?.aborted ? 0 : ms);
    unsubscribe = cutShort && subscribe(cutShort, () => resolve());
  });
  return bounded(signals, () => end).finally(() => {
    clearTimeout(timer);
    unsubscribe?.();
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
