/** `upload_0`, `upload_1` … */
export function ids(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `upload_${index}`);
}

/** Reads all results. `thrown` is what the iterable throws after the last one, if it does. */
export async function collect<Result>(
  iterable: AsyncIterable<Result>,
): Promise<{ readonly results: Result[]; readonly thrown: unknown }> {
  const results: Result[] = [];
  try {
    for await (const result of iterable) results.push(result);
  } catch (thrown) {
    return { results, thrown };
  }
  return { results, thrown: undefined };
}
