/** What has happened so far, in numbers. */
export class Tally {
  /** What a success is called. */
  success = "cancelled";
  /** How many IDs were given, including duplicates; undefined if that isn't known. */
  total: number | undefined;
  /** In ms of `performance.now()`. */
  startedAt: number = performance.now();
  succeeded = 0;
  skipped = 0;
  duplicates = 0;
  failed = 0;
  /** How many failed, by kind of failure. */
  readonly failures: Map<string, number> = new Map();

  addFailure(kind: string): void {
    this.failed += 1;
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
  }

  get done(): number {
    return this.succeeded + this.failed + this.skipped + this.duplicates;
  }

  get left(): number | undefined {
    return this.total === undefined ? undefined : this.total - this.done;
  }
}
