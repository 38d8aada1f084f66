import Benchmark from 'benchmark';
import { clock, IS_PROCESSOR_TIME, ROUND_SECONDS, ROUNDS } from './options.js';
import type { Side } from './side.js';

/** Milliseconds after which a side is as warm as it gets. */
const WARM_UP = 500;

export interface Timing {
  readonly name: string;
  /** Median time of each round, seconds. */
  readonly rounds: readonly number[];
  readonly median: number;
}

/**
 * Times sides in turn, round by round, so that a machine that slows down slows all of them. Each side is warmed up
 * first, until V8 has compiled it with TurboFan.
 */
export async function measure(sides: readonly Side[], rounds = ROUNDS): Promise<Timing[]> {
  for (const side of sides) {
    const start = performance.now();
    for (let i = 0; i < 20 && performance.now() - start < WARM_UP; i++) await side.run();
  }
  const times = sides.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, side] of sides.entries())
      times[i]?.push(await (IS_PROCESSOR_TIME ? processorTime(side) : timeRound(side)));
  }
  return sides.map(({ name }, i) => {
    const own = times[i] as number[];
    return { name, rounds: own, median: median(own) };
  });
}

/** Median over rounds of `other / own`, round by round. */
export function ratio(own: Timing, other: Timing): number {
  return median(own.rounds.map((time, round) => (other.rounds[round] as number) / time));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Seconds of processor time of a run, on average over a round. */
async function processorTime(side: Side): Promise<number> {
  const start = clock();
  for (let runs = 1; ; runs++) {
    await side.run();
    const seconds = (clock() - start) / 1000;
    if (seconds >= ROUND_SECONDS) return seconds / runs;
  }
}

function timeRound(side: Side): Promise<number> {
  return new Promise((resolve, reject) => {
    const benchmark = new Benchmark({
      defer: true,
      minTime: ROUND_SECONDS / 10,
      maxTime: ROUND_SECONDS,
      minSamples: 2,
      async fn(deferred: { resolve(): void }) {
        await side.run();
        deferred.resolve();
      },
      onComplete: () => resolve(median(benchmark.stats.sample)),
      onError: () => reject(benchmark.error),
    });
    benchmark.run({ async: true });
  });
}
