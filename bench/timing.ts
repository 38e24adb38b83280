import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Measure, shuffled, spread } from "./measure.js";
import type { Peer } from "./peers.js";
import type { Batch } from "./runner.js";

/** One way to make the peers work. */
export interface Load extends Pick<Measure, "id" | "title"> {
  readonly batch: Batch;
}

/** How much to do. */
export interface Effort {
  /** How often every process starts anew: how a program is compiled, and where its memory lies, is partly luck. */
  readonly starts: number;
  /** Rounds after each start, in each of which every peer runs one batch. */
  readonly rounds: number;
  /** Rounds before them that don't count. */
  readonly warmUp: number;
}

/**
 * Times the peers against the first of them: for each load, the µs of a cancel, and how often the first peer's time of
 * the same round goes into it.
 *
 * Each peer runs in a process of its own, so that none pays for the garbage of another, and in each round they run one
 * after the other in random order, so that what else the machine does meets all alike. No round is left out.
 */
export async function race(peers: readonly Peer[], loads: readonly Load[], effort: Effort): Promise<Measure[]> {
  const rounds = loads.map((): number[][] => []);
  for (let start = 0; start < effort.starts; start += 1) {
    const runners = await Promise.all(peers.map(startRunner));
    for (const [index, { batch }] of loads.entries()) {
      for (let round = -effort.warmUp; round < effort.rounds; round += 1) {
        const times = await runRound(runners, batch);
        if (round >= 0) rounds[index]?.push(times);
      }
    }
    for (const runner of runners) runner.kill();
  }
  return loads.flatMap(({ id, title }, index) => {
    const valuesOf = (value: (time: number, first: number) => number) =>
      peers.map((_, peer) =>
        spread((rounds[index] ?? []).map((times) => value(times[peer] ?? Number.NaN, times[0] ?? Number.NaN))),
      );
    return [
      { id, title, unit: "×", values: valuesOf((time, first) => time / first) },
      { id: `${id}-time`, title, unit: "µs", values: valuesOf((time) => time / 1_000) },
    ];
  });
}

/** @returns The ns that each took, in the order of the runners. */
async function runRound(runners: readonly ChildProcess[], batch: Batch): Promise<number[]> {
  const times: number[] = [];
  for (const [index, runner] of shuffled(runners.entries())) {
    runner.send(batch);
    times[index] = Number(await reply(runner));
    await delay(1); // What a process cleans up after its batch is not for the next to wait for.
  }
  return times;
}

async function startRunner({ folder }: Peer): Promise<ChildProcess> {
  const runner = fork(new URL("runner.ts", import.meta.url), [join(folder, "compiled/program.js")], {
    execArgv: ["--import", "tsx"],
  });
  await reply(runner);
  return runner;
}

async function reply(runner: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const end = () => ended.abort(new Error(`${runner.spawnargs.at(-1)} ended`));
  runner.once("exit", end);
  try {
    const [message]: unknown[] = await once(runner, "message", ended);
    return message;
  } finally {
    runner.off("exit", end);
  }
}
