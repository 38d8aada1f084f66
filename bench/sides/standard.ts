import { readFile } from 'node:fs/promises';
import { Arena } from '../arena.js';
import type { FloatTensor, Problem } from '../problem.js';
import type { Side } from '../side.js';

export interface BenchExports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  multiplyAndAddPeak(rounds: number, factor: number, term: number): number;
  standardAttention(...args: number[]): void;
  standardAttentionBackward(...args: number[]): void;
  roll(from: number, size: number, C: number, shift: number, to: number): void;
  windowPartition(image: number, size: number, C: number, window: number, windows: number): void;
  windowReverse(windows: number, size: number, C: number, window: number, image: number): void;
  permuteHeads(from: number, windows: number, L: number, parts: number, H: number, D: number, to: number): void;
  mergeHeads(from: number, windows: number, L: number, H: number, D: number, to: number): void;
}

/** The kernels of bench/assembly, on a memory of their own or an engine's: they hold no data. */
export async function benchExports(
  memory = new WebAssembly.Memory({ initial: 1, maximum: 65535 }),
): Promise<BenchExports> {
  const bytes = await readFile(new URL('../bench.wasm', import.meta.url));
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  return instance.exports as unknown as BenchExports;
}

/**
 * Unfused standard attention in the same wasm: copies in, passes over the whole batch, copy out; with the fused kernel's
 * own tiles, or with plain SIMD loops.
 */
export async function standardSide({ shape, q, k, v, bias, mask }: Problem, isPlain: boolean): Promise<Side> {
  const { B, H, L, D, nW } = shape;
  const kernel = await benchExports();
  const arena = new Arena(kernel);
  const allocate = (floats: number) => arena.allocate(floats);
  const length = B * H * L * D;
  const padded = Math.ceil(L / 8) * 8;
  const at = {
    q: allocate(length),
    k: allocate(length),
    v: allocate(length),
    bias: allocate(bias.data.length),
    mask: mask ? allocate(mask.data.length) : 0,
    o: allocate(length),
    s: allocate(B * H * L * padded),
    scaled: allocate(length),
    scratch: allocate(32 + (padded + 4) * Math.ceil(D / 8) * 8),
  };
  arena.grow();
  const floats = new Float32Array(kernel.memory.buffer);
  const put = (tensor: FloatTensor, pointer: number) => floats.set(tensor.data, pointer / 4);
  return {
    name: `standard attention, ${isPlain ? 'plain loops' : 'same tiles'}`,
    run() {
      put(q, at.q);
      put(k, at.k);
      put(v, at.v);
      put(bias, at.bias);
      if (mask) put(mask, at.mask);
      const scale = D ** -0.5;
      kernel.standardAttention(
        Number(isPlain),
        B * H,
        H,
        L,
        D,
        Math.max(nW, 1),
        at.q,
        at.k,
        at.v,
        at.bias,
        at.mask,
        at.o,
        scale,
        at.s,
        at.scaled,
        at.scratch,
      );
      return floats.slice(at.o / 4, at.o / 4 + length);
    },
    dispose() {},
  };
}
