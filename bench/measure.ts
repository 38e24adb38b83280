/** A way to cancel, as a row of the results. */
export interface Client {
  readonly name: string;
  readonly kind: "ours" | "retries" | "doesn't retry";
}

/** What was measured of the same clients in the same unit. */
export interface Section {
  readonly title: string;
  readonly unit: string;
  readonly measures: readonly { readonly name: string; readonly figures: readonly Figure[] }[];
}

/** The median of a client's rounds. A quarter of them was below `low`, a quarter above `high`. */
export interface Figure extends Client {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

/**
 * Gives each client a turn in each round, in random order, so that whatever else the machine does affects all alike.
 * @returns The values of each round, in the order of `clients`.
 */
export async function takeTurns<T>(
  clients: readonly T[],
  rounds: number,
  turn: (client: T) => Promise<number>,
): Promise<number[][]> {
  const values: number[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    const valuesOfRound: number[] = [];
    const order = clients.map((client, index) => ({ client, index, key: Math.random() })).sort((a, b) => a.key - b.key);
    for (const { client, index } of order) valuesOfRound[index] = await turn(client);
    values.push(valuesOfRound);
  }
  return values;
}

/** The rounds of each measure. */
export type Rounds = Readonly<Record<string, readonly number[][]>>;

/** Each value divided by the value of one client, the one at this index, in the same round. */
export function relativeTo(index: number, measures: Rounds): Rounds {
  const relative = (round: readonly number[]) => round.map((value) => value / (round[index] ?? Number.NaN));
  return Object.fromEntries(Object.entries(measures).map(([name, rounds]) => [name, rounds.map(relative)]));
}

export function section(title: string, unit: string, clients: readonly Client[], measures: Rounds): Section {
  const figures = (rounds: readonly number[][]) =>
    clients.map(({ name, kind }, index) => {
      const values = rounds.map((round) => round[index] ?? Number.NaN).sort((a, b) => a - b);
      const at = (share: number) => {
        const position = (values.length - 1) * share;
        const [below = Number.NaN, above = below] = values.slice(Math.floor(position));
        return below + (above - below) * (position % 1);
      };
      return { name, kind, low: at(0.25), median: at(0.5), high: at(0.75) };
    });
  const named = Object.entries(measures).map(([name, rounds]) => ({ name, figures: figures(rounds) }));
  return { title, unit, measures: named };
}
