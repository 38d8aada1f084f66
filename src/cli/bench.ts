import { createWindowAttention } from '../attention/createWindowAttention.js';
import type { WindowAttention, WindowAttentionOptions } from '../attention/interface.js';
import { checkCase } from '../oracle/checkCase.js';
import { makeVectors } from '../oracle/vectors.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';
import { parseShape } from './shape.js';
import { counted } from './text.js';

const ROUNDS = 9;
/** Milliseconds that an engine runs in each round, and before the first for the compiler to settle. */
const ROUND = 100;
const WARM_UP = 500;
/** Products of a query and a key that the oracle takes about a second for. */
const CHECKED_PRODUCTS = 2e7;
/** Swin-T's first stage. */
export const DEFAULT_SHAPE = '64,3,49,32';

interface BenchArgs {
  readonly q: Tensor<Float32Array>;
  readonly k: Tensor<Float32Array>;
  readonly v: Tensor<Float32Array>;
  readonly bias: Tensor<Float32Array>;
}

export interface BenchResult {
  readonly shape: readonly number[];
  readonly engines: readonly {
    readonly name: string;
    readonly milliseconds: number;
    readonly gflops: number;
    /** `max|o − truth|` of the windows that were checked, the truth in float64. */
    readonly maxAbsError: number;
    /** Of the first engine's time over this one's, median of rounds. */
    readonly ratio: number;
  }[];
}

/**
 * Judges `forward` of every engine of this host by the oracle, and then times them in turn, round by round.
 * Rejects with Error for an engine that the oracle fails.
 */
export async function bench(text: string, create = createWindowAttention): Promise<BenchResult> {
  const shape = parseShape(text);
  const [B, H, L, D] = shape;
  const { q, k, v, bias } = makeVectors({ shape, bias: true }) as { [name in keyof BenchArgs]: Tensor<Float32Array> };
  const args: BenchArgs = { q, k, v, bias };
  const wanted: WindowAttentionOptions[] = [{}, { threads: 0 }, { relaxed: true }];
  const engines = await Promise.all(wanted.map((options) => create(options)));
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
  const errors: number[] = [];
  const rounds = distinct.map((): number[] => []);
  try {
    for (const attention of distinct) errors.push(await checkedError(attention, args));
    for (const attention of distinct) await secondsOf(attention, WARM_UP);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, attention] of distinct.entries()) rounds[i]?.push(await secondsOf(attention, ROUND));
    }
  } finally {
    await Promise.all(engines.map((attention) => attention.dispose()));
  }
  const first = rounds[0] as number[];
  return {
    shape,
    engines: distinct.map(({ backend, simd, threads }, i) => {
      const own = rounds[i] as number[];
      return {
        name: nameOf({ backend, simd, threads }),
        milliseconds: 1e3 * median(own),
        maxAbsError: errors[i] as number,
        gflops: (4 * B * H * L * L * D) / median(own) / 1e9,
        ratio: median(own.map((seconds, round) => (first[round] as number) / seconds)),
      };
    }),
  };
}

/** The error of windows spread over the batch, as many as the oracle judges in about a second. */
async function checkedError(attention: WindowAttention, args: BenchArgs): Promise<number> {
  const { o } = await attention.forward(args);
  const [B, H, L, D] = args.q.dims as [number, number, number, number];
  const count = Math.min(B, Math.max(1, Math.floor(CHECKED_PRODUCTS / (H * L * L * D))));
  const windows = Array.from({ length: count }, (_, i) => Math.floor((i * B) / count));
  const { q, k, v, bias } = args;
  const part = (tensor: Tensor<Float32Array>) => windowsOf(tensor, windows);
  const { tensors } = checkCase({ q: part(q), k: part(k), v: part(v), bias }, { o: part(o) });
  const verdict = tensors.o as NonNullable<typeof tensors.o>;
  if (!verdict.pass) {
    const { maxAbsError, tolerance } = verdict;
    const expected = `an error of at most ${tolerance.toExponential(1)}, got ${maxAbsError.toExponential(1)}`;
    throw new Error(`${nameOf(attention)} expected ${expected}: nothing is timed`);
  }
  return verdict.maxAbsError;
}

/** The given windows of a tensor `[B, …]`. */
function windowsOf({ data, dims }: Tensor<Float32Array>, windows: readonly number[]): TensorLike {
  const size = data.length / (dims[0] as number);
  const picked = new Float32Array(windows.length * size);
  windows.forEach((window, i) => {
    picked.set(data.subarray(window * size, (window + 1) * size), i * size);
  });
  return { data: picked, dims: [windows.length, ...dims.slice(1)] };
}

function nameOf({ backend, simd, threads }: Pick<WindowAttention, 'backend' | 'simd' | 'threads'>): string {
  return `${backend}, ${simd}, ${counted(threads, 'thread')}`;
}

export function formatBench({ shape, engines }: BenchResult): string {
  return [
    `forward at (${shape.join(', ')}), medians of ${ROUNDS} interleaved rounds`,
    ...engines.map(({ name, milliseconds, gflops, ratio, maxAbsError }) => {
      const speed = `${milliseconds.toPrecision(3)} ms, ${gflops.toFixed(1)} GFLOP/s, ${ratio.toFixed(2)} times as fast`;
      return `  ${name}: ${speed}, error ${maxAbsError.toExponential(1)}`;
    }),
  ].join('\n');
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
