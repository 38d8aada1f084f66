import { windowAttention } from 'flash-window-attention/reference';
import type { Shape } from './shapes.js';

export interface FloatTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Inputs of a shape, as every side gets them, and the float64 truth. */
export interface Problem {
  readonly shape: Shape;
  readonly q: FloatTensor;
  readonly k: FloatTensor;
  readonly v: FloatTensor;
  readonly bias: FloatTensor;
  readonly mask: FloatTensor | undefined;
  readonly truth: Float64Array;
}

export function makeProblem(shape: Shape): Problem {
  const { B, H, L, D, nW } = shape;
  const random = mulberry32(42);
  const tensor = (dims: readonly number[], scale: number): FloatTensor => {
    const length = dims.reduce((product, dim) => product * dim, 1);
    return { dims, data: Float32Array.from({ length }, () => scale * (2 * random() - 1)) };
  };
  const q = tensor([B, H, L, D], 2);
  const k = tensor([B, H, L, D], 2);
  const v = tensor([B, H, L, D], 1);
  const bias = tensor([H, L, L], 1);
  const mask = nW > 0 ? tensor([nW, L, L], 1) : undefined;
  mask?.data.forEach((x, i) => {
    mask.data[i] = x > 0.5 ? -100 : 0;
  });
  const truth = windowAttention({ q, k, v, bias, mask }).o.data;
  return { shape, q, k, v, bias, mask, truth };
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
