import { createWindowAttention } from '../attention/createWindowAttention.js';
import type { WindowAttentionOptions } from '../attention/interface.js';
import { makeVectors } from '../oracle/vectors.js';
import type { Tensor } from '../tensor/tensor.js';
import { parseShape } from './shape.js';

const ROUNDS = 9;
/** Milliseconds that an engine runs in each round, and before the first for the compiler to settle. */
const ROUND = 100;
const WARM_UP = 500;
/** Swin-T's first stage. */
export const DEFAULT_SHAPE = '64,3,49,32';

export interface BenchResult {
  readonly shape: readonly number[];
  readonly engines: readonly {
    readonly name: string;
    readonly milliseconds: number;
    readonly gflops: number;
    /** Of the first engine's time over this one's, median of rounds. */
    readonly ratio: number;
  }[];
}

/** Times `forward` on every engine of this host, in turn, round by round. */
export async function bench(text: string): Promise<BenchResult> {
  const shape = parseShape(text);
  const [B, H, L, D] = shape;
  const { q, k, v, bias } = makeVectors({ shape, bias: true }) as Record<string, Tensor>;
  const args = { q: q as Tensor, k: k as Tensor, v: v as Tensor, bias: bias as Tensor };
  const wanted: WindowAttentionOptions[] = [{}, { threads: 0 }, { relaxed: true }];
  const engines = await Promise.all(wanted.map(createWindowAttention));
  // What this host does not have falls back to what the first engine is.
  const distinct = engines.filter(({ threads, simd }, i) => i === 0 || threads > 1 || simd === 'relaxed-simd');
  const secondsOf = async (attention: (typeof engines)[0], milliseconds: number) => {
    const times: number[] = [];
    for (const start = performance.now(); performance.now() - start < milliseconds || times.length === 0; ) {
      const before = performance.now();
      await attention.forward(args);
      times.push(performance.now() - before);
    }
    return median(times) / 1000;
  };
  for (const attention of distinct) await secondsOf(attention, WARM_UP);
  const rounds = distinct.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, attention] of distinct.entries()) rounds[i]?.push(await secondsOf(attention, ROUND));
  }
  await Promise.all(engines.map((attention) => attention.dispose()));
  const first = rounds[0] as number[];
  return {
    shape,
    engines: distinct.map(({ backend, simd, threads }, i) => {
      const own = rounds[i] as number[];
      return {
        name: `${backend}, ${simd}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
        milliseconds: 1e3 * median(own),
        gflops: (4 * B * H * L * L * D) / median(own) / 1e9,
        ratio: median(own.map((seconds, round) => (first[round] as number) / seconds)),
      };
    }),
  };
}

export function formatBench({ shape, engines }: BenchResult): string {
  return [
    `forward at (${shape.join(', ')}), medians of ${ROUNDS} interleaved rounds`,
    ...engines.map(({ name, milliseconds, gflops, ratio }) => {
      return `  ${name}: ${milliseconds.toPrecision(3)} ms, ${gflops.toFixed(1)} GFLOP/s, ${ratio.toFixed(2)} times as fast`;
    }),
  ].join('\n');
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
