import { expect } from "vitest";

/** What the promise rejects with. The test fails if it resolves. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`resolved to ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}
