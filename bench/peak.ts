import { type BenchExports, benchExports } from './sides/standard.js';

let kernel: BenchExports | undefined;

/** GFLOP/s of float32 multiplications and additions in registers, the best of a few runs of about 10 ms. */
export async function peakGflops(): Promise<number> {
  kernel ??= await benchExports();
  const rounds = 100_000;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    kernel.multiplyAndAddPeak(rounds, 1, 0);
    best = Math.min(best, performance.now() - start);
  }
  return (rounds * 48 * 4) / best / 1e6;
}
