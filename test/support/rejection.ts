import { expect } from "vitest";

/** The reason that the promise rejects with. If it resolves, the test fails. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`resolved to ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}
