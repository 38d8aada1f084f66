import type { WindowAttention } from 'flash-window-attention';
import { makeVectors } from 'flash-window-attention/oracle';
import { shiftedWindowMask, windowAttention } from 'flash-window-attention/reference';
import type { BenchReport, BenchResult, OnProgress, Settings, Side } from '../protocol.js';
import { engineFor } from './model.js';
import { onnxruntimeSide } from './onnxruntimeSide.js';

/** The four stages of Swin-T on one picture of 224². */
const SHAPES = [
  { name: 'Stage 1', B: 64, H: 3, side: 56 },
  { name: 'Stage 2', B: 16, H: 6, side: 28 },
  { name: 'Stage 3', B: 4, H: 12, side: 14 },
  { name: 'Stage 4', B: 1, H: 24, side: 7 },
] as const;
const L = 49;
const D = 32;
/** What a side is measured for, and at least so many rounds. */
const MILLISECONDS = 250;
const ROUNDS = 5;
/** A side whose largest error is beyond this is not timed. */
const TOLERANCE = 1e-4;

export interface BenchShape {
  readonly name: string;
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly D: number;
  /** Windows of the mask; 0 for none. */
  readonly nW: number;
}

export type BenchInputs = Readonly<
  Record<'q' | 'k' | 'v' | 'bias', { data: Float32Array; dims: readonly number[] }>
> & {
  readonly mask?: { data: Float32Array; dims: readonly number[] };
};

/** One way to compute a call, ready to be timed. */
export interface BenchSide {
  run(): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Measures attention at Swin-T's shapes, each side checked before it is timed. `isCancelled` is asked between rounds. */
export async function measure(
  settings: Settings,
  base: string,
  onProgress: OnProgress,
  isCancelled: () => boolean,
): Promise<BenchReport> {
  const results: BenchResult[] = [];
  const missing = new Set<string>();
  const engines = {
    typescript: await engineFor({ simd: 'typescript', threads: 1 }),
    ours: await engineFor(settings),
  };
  const sides: readonly Side[] = ['typescript', 'ours', 'onnxruntime'];
  try {
    for (const [s, { name, B, H, side }] of SHAPES.entries()) {
      const shape = { name, B, H, L, D, nW: B > 1 ? B : 0 };
      const inputs = inputsOf(shape, side, s + 1);
      onProgress({ text: `${name}: reference`, done: s * 4, of: SHAPES.length * 4 });
      const truth = windowAttention(inputs).o.data;
      for (const [n, which] of sides.entries()) {
        if (isCancelled()) throw new DOMException('the benchmark was stopped', 'AbortError');
        onProgress({ text: `${name}: ${LABELS[which]}`, done: s * 4 + n + 1, of: SHAPES.length * 4 });
        try {
          const made =
            which === 'onnxruntime'
              ? await onnxruntimeSide(base, shape, inputs, settings.threads)
              : engineSide(engines[which], inputs);
          try {
            const error = largestError(await made.run(), truth);
            if (!(error <= TOLERANCE)) throw new Error(`is off by ${error.toExponential(1)} and was not timed`);
            const milliseconds = await medianOf(made, isCancelled);
            const flops = 4 * B * H * L * L * D;
            results.push({ shape: name, side: which, milliseconds, gflops: flops / milliseconds / 1e6, error });
          } finally {
            await made.dispose();
          }
        } catch (error) {
          missing.add(`${LABELS[which]}: ${(error as Error).message}`);
        }
      }
    }
  } finally {
    await Promise.all([engines.typescript.dispose(), engines.ours.dispose()]);
  }
  const { simd, threads } = engines.ours;
  const ours = `${simd === 'none' ? 'TypeScript' : simd}, ${threads} thread${threads > 1 ? 's' : ''}`;
  const machine = `${navigator.hardwareConcurrency} cores, ${navigator.userAgent}`;
  return { results, ours, machine, missing: [...missing] };
}

const LABELS: Readonly<Record<Side, string>> = {
  typescript: 'float64 reference',
  ours: 'this library',
  onnxruntime: 'onnxruntime-web',
};

function engineSide(engine: WindowAttention, inputs: BenchInputs): BenchSide {
  return { run: async () => (await engine.forward(inputs)).o.data as Float32Array, dispose: async () => {} };
}

async function medianOf(side: BenchSide, isCancelled: () => boolean): Promise<number> {
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < ROUNDS || performance.now() - begin < MILLISECONDS) {
    const start = performance.now();
    await side.run();
    times.push(performance.now() - start);
    // Messages, such as a click on Stop, are heard between rounds.
    if (times.length % ROUNDS === 0) await new Promise((resolve) => setTimeout(resolve));
    if (isCancelled()) throw new DOMException('the benchmark was stopped', 'AbortError');
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1] as number;
}

function inputsOf({ B, H, nW }: BenchShape, side: number, seed: number): BenchInputs {
  const vectors = makeVectors({ shape: [B, H, L, D], bias: true, seed });
  const mask = nW > 0 ? shiftedWindowMask(side, side, 7, 3) : undefined;
  return {
    ...vectors,
    ...(mask && { mask: { data: Float32Array.from(mask.data), dims: mask.dims } }),
  } as unknown as BenchInputs;
}

function largestError(actual: Float32Array, truth: Float64Array): number {
  return actual.reduce((largest, x, at) => Math.max(largest, Math.abs(x - (truth[at] as number))), 0);
}
