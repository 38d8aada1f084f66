import type { Tensor } from '../../src/tensor/tensor.js';
import { float32Tensor } from '../../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './arbitraries.js';

/** One case in float32 tensors of random numbers. */
export interface PlantedCase {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly D: number;
  readonly nW: number;
  readonly inputs: { readonly [name in 'q' | 'k' | 'v' | 'bias' | 'mask' | 'dO']: Tensor<Float32Array> } & {
    readonly scale: number;
  };
}

export function plantedCase(
  seed: number,
  [B, H, L, D]: readonly [number, number, number, number],
  nW: number,
): PlantedCase {
  const next = randomNumbers(seed);
  const mask = randomTensor([nW, L, L], next);
  const inputs = {
    q: randomTensor([B, H, L, D], next, 2),
    k: randomTensor([B, H, L, D], next, 2),
    v: randomTensor([B, H, L, D], next),
    bias: randomTensor([H, L, L], next, 2),
    mask: float32Tensor(
      mask.dims,
      mask.data.map((x) => (x > 0.3 ? -100 : 0)),
    ),
    dO: randomTensor([B, H, L, D], next),
    scale: D ** -0.5,
  };
  return { B, H, L, D, nW, inputs };
}

/** Where a planted fault changes the plain loops below; every member has the right kernel's form. */
export interface Plan {
  q(b: number, h: number, i: number, d: number): number;
  k(b: number, h: number, j: number, d: number): number;
  v(b: number, h: number, j: number, d: number): number;
  dO(b: number, h: number, i: number, d: number): number;
  bias(b: number, h: number, i: number, j: number): number;
  mask(b: number, h: number, i: number, j: number): number;
  scale: number;
  /** P from the scores of one window and head. */
  softmax(S: number[][], b: number, h: number): number[][];
  /** P as it is recomputed for gradients. */
  recomputed(S: number[][], P: number[][], b: number, h: number): number[][];
  delta(i: number, P: number[][], dP: number[][], b: number, h: number): number;
  dS(p: number, dP: number, delta: number): number;
  /** Last products. */
  dQ(i: number, d: number, dS: number[][], unit: Unit): number;
  dK(j: number, d: number, dS: number[][], unit: Unit): number;
  dV(j: number, d: number, P: number[][], unit: Unit): number;
}

export interface Unit {
  readonly b: number;
  readonly h: number;
  readonly plan: Plan;
  readonly L: number;
}

export const sum = (count: number, of: (n: number) => number): number => {
  let total = 0;
  for (let n = 0; n < count; n++) total += of(n);
  return total;
};

/** The right kernel, for plans to differ from. */
export function rightPlan({ H, L, D, nW, inputs }: PlantedCase): Plan {
  const at = (x: Tensor<Float32Array>) => (b: number, h: number, i: number, d: number) =>
    x.data[((b * H + h) * L + i) * D + d] as number;
  return {
    q: at(inputs.q),
    k: at(inputs.k),
    v: at(inputs.v),
    dO: at(inputs.dO),
    bias: (_, h, i, j) => inputs.bias.data[(h * L + i) * L + j] as number,
    mask: (b, _, i, j) => inputs.mask.data[((b % nW) * L + i) * L + j] as number,
    scale: inputs.scale,
    softmax: (S) =>
      S.map((row) => {
        const max = Math.max(...row);
        const e = row.map((s) => Math.exp(s - max));
        const total = sum(e.length, (j) => e[j] as number);
        return e.map((x) => x / total);
      }),
    recomputed: (_, P) => P,
    delta: (i, P, dP) => sum(L, (j) => (P[i]?.[j] as number) * (dP[i]?.[j] as number)),
    dS: (p, dP, delta) => p * (dP - delta),
    dQ: (i, d, dS, { b, h, plan }) => plan.scale * sum(L, (j) => (dS[i]?.[j] as number) * plan.k(b, h, j, d)),
    dK: (j, d, dS, { b, h, plan }) => plan.scale * sum(L, (i) => (dS[i]?.[j] as number) * plan.q(b, h, i, d)),
    dV: (j, d, P, { b, h, plan }) => sum(L, (i) => (P[i]?.[j] as number) * plan.dO(b, h, i, d)),
  };
}

export interface PlantedOutputs {
  o: Float64Array;
  lse: Float64Array;
  dQ: Float64Array;
  dK: Float64Array;
  dV: Float64Array;
  dBias: Float64Array;
}

/** Window attention and its gradients by plain loops, as `plan` has them. */
export function plantedKernel({ B, H, L, D }: PlantedCase, plan: Plan): PlantedOutputs {
  const size = B * H * L * D;
  const outputs = {
    o: new Float64Array(size),
    lse: new Float64Array(B * H * L),
    dQ: new Float64Array(size),
    dK: new Float64Array(size),
    dV: new Float64Array(size),
    dBias: new Float64Array(H * L * L),
  };
  const matrix = (of: (i: number, j: number) => number) =>
    Array.from({ length: L }, (_, i) => Array.from({ length: L }, (__, j) => of(i, j)));
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const unit: Unit = { b, h, plan, L };
      const S = matrix(
        (i, j) =>
          plan.scale * sum(D, (d) => plan.q(b, h, i, d) * plan.k(b, h, j, d)) +
          plan.bias(b, h, i, j) +
          plan.mask(b, h, i, j),
      );
      const forward = plan.softmax(S, b, h);
      const P = plan.recomputed(S, forward, b, h);
      const dP = matrix((i, j) => sum(D, (d) => plan.dO(b, h, i, d) * plan.v(b, h, j, d)));
      const delta = S.map((_, i) => plan.delta(i, P, dP, b, h));
      const dS = matrix((i, j) => plan.dS(P[i]?.[j] as number, dP[i]?.[j] as number, delta[i] as number));
      for (let i = 0; i < L; i++) {
        const row = (b * H + h) * L + i;
        const scores = S[i] as number[];
        const max = Math.max(...scores);
        outputs.lse[row] = max + Math.log(sum(L, (j) => Math.exp((scores[j] as number) - max)));
        for (let d = 0; d < D; d++) {
          const at = row * D + d;
          outputs.o[at] = sum(L, (j) => (forward[i]?.[j] as number) * plan.v(b, h, j, d));
          outputs.dQ[at] = plan.dQ(i, d, dS, unit);
          outputs.dK[at] = plan.dK(i, d, dS, unit);
          outputs.dV[at] = plan.dV(i, d, P, unit);
        }
        for (let j = 0; j < L; j++) {
          const at = (h * L + i) * L + j;
          outputs.dBias[at] = (outputs.dBias[at] as number) + (dS[i]?.[j] as number);
        }
      }
    }
  }
  return outputs;
}
