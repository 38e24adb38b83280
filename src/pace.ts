import { sleep } from "./bounded.js";

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
