/**
 * Gives each client a turn in each round, in random order, so that whatever else the machine does affects all of them.
 * @returns The values of each round, in the order of `clients`.
 */
export async function takeTurns<Client>(
  clients: readonly Client[],
  rounds: number,
  turn: (client: Client) => Promise<number>,
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

/** For each client, the median of its rounds. */
export function medians(rounds: readonly number[][]): number[] {
  return byClient(rounds).map((values) => quartile(values, 0.5));
}

/**
 * A cell for each client: the median, how many times the first client's value of the same round it is, and the middle half
 * of those.
 */
export function compared(rounds: readonly number[][]): string[] {
  const ratios = byClient(rounds.map((round) => round.map((value) => value / (round[0] ?? Number.NaN))));
  const [first = "", ...others] = medians(rounds).map(shown);
  return [
    first,
    ...others.map((median, index) => {
      const [low, ratio, high] = [0.25, 0.5, 0.75].map((share) => shown(quartile(ratios[index + 1] ?? [], share)));
      return `${median}, ${ratio}× (${low} to ${high})`;
    }),
  ];
}

function byClient(rounds: readonly number[][]): number[][] {
  return (rounds[0] ?? []).map((_, client) => rounds.map((round) => round[client] ?? Number.NaN));
}

function quartile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.round((values.length - 1) * share)] ?? Number.NaN;
}

export function shown(value: number): string {
  return value.toLocaleString("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
}

/** A row for each client, a column for each measure. */
export function table(
  title: string,
  clients: readonly { readonly name: string; readonly retries: boolean }[],
  columns: Readonly<Record<string, readonly string[]>>,
): string {
  const rows = [
    ["", "retries, times out", ...Object.keys(columns)],
    ["---", "---", ...Object.keys(columns).map(() => "--:")],
    ...clients.map(({ name, retries }, client) => [
      name,
      retries ? "yes" : "no",
      ...Object.values(columns).map((cells) => cells[client]),
    ]),
  ];
  return `\n## ${title}\n\n${rows.map((cells) => `| ${cells.join(" | ")} |\n`).join("")}`;
}
