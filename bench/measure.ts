/** The middle of many values, and their spread: a quarter of them is below `low`, a quarter above `high`. */
export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

/** One thing that was measured of every peer. */
export interface Measure {
  readonly id: string;
  readonly title: string;
  /** `×` is times bare `fetch`. */
  readonly unit: "×" | "µs" | "ms" | "kB";
  /** In the order of the peers. */
  readonly values: readonly Spread[];
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN;
  return { low: at(0.25), median: at(0.5), high: at(0.75) };
}

/** A value that has no spread. */
export function exact(value: number): Spread {
  return { low: value, median: value, high: value };
}

/** In random order, so that what one leaves behind is not always the same one's to meet. */
export function shuffled<T>(values: Iterable<T>): T[] {
  const keyed = Array.from(values, (value) => ({ value, key: Math.random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value);
}

/** As people read it: `1.25×`, `6.2 kB`, `12.5 MB`, `48 ms`. */
export function show(value: number, unit: Measure["unit"]): string {
  if (unit === "×") return `${value.toFixed(2)}×`;
  if (unit === "kB" && value >= 1_000) return `${(value / 1_000).toFixed(1)} MB`;
  return `${value.toFixed(value === 0 || value >= 9.95 ? 0 : 1)} ${unit}`;
}
