import type { CheckedAttentionArgs } from '../arguments/attentionArgs.js';
import { clampLogitScale } from '../reference/scores.js';
import { type TensorLike, toFloat64 } from '../tensor/tensor.js';

/** Inputs of a case in float64, read once for all hypotheses, and the right results that some faults use. */
export interface FaultyProblem {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly D: number;
  /** 0 without a mask. */
  readonly nW: number;
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly dO: Float64Array | undefined;
  readonly bias: Float64Array | undefined;
  readonly mask: Float64Array | undefined;
  readonly scale: number;
  readonly logitScale: Float64Array | undefined;
  /** Factor of every head's products. */
  readonly factors: readonly number[];
  /** Right output and lse. */
  readonly o: Float64Array;
  readonly lse: Float64Array;
}

export function faultyProblem(
  args: Omit<CheckedAttentionArgs, 'q' | 'k' | 'v'> & {
    readonly [name in 'q' | 'k' | 'v']: TensorLike;
  } & { readonly dO?: TensorLike | undefined },
  right: { readonly o: Float64Array; readonly lse: Float64Array },
): FaultyProblem {
  const { B, H, L, D, nW, scale } = args;
  const logitScale = args.logitScale && toFloat64(args.logitScale);
  return {
    B,
    H,
    L,
    D,
    nW,
    q: toFloat64(args.q),
    k: toFloat64(args.k),
    v: toFloat64(args.v),
    dO: args.dO && toFloat64(args.dO),
    bias: args.bias && toFloat64(args.bias),
    mask: args.mask && toFloat64(args.mask),
    scale,
    logitScale,
    factors: logitScale
      ? Array.from(logitScale, (value) => Math.exp(clampLogitScale(value)))
      : new Array<number>(H).fill(scale),
    ...right,
  };
}
