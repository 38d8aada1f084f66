import { type BenchExports, benchExports } from './sides/standard.js';

/**
 * GFLOP/s of float32 multiplications and additions in registers: the most that any sample reached, since a neighbour on a
 * shared machine can only lower it. One sample is taken between every two measurements of a run.
 */
export class Peak {
  #best = 0;

  private constructor(private readonly kernel: BenchExports) {}

  static async create(): Promise<Peak> {
    return new Peak(await benchExports());
  }

  /** Takes a sample, and returns the most so far. */
  sample(): number {
    const rounds = 100_000;
    for (let i = 0; i < 20; i++) {
      const start = performance.now();
      this.kernel.multiplyAndAddPeak(rounds, 1, 0);
      this.#best = Math.max(this.#best, (rounds * 48 * 4) / (performance.now() - start) / 1e6);
    }
    return this.#best;
  }
}
