import type { AttentionArgs, Tensor, TensorLike } from 'flash-window-attention';
import {
  type CaseActuals,
  type CaseInputs,
  type ImageCaseActuals,
  type ImageCaseInputs,
  makeVectors,
} from 'flash-window-attention/oracle';
import { shiftedWindowMask, windowAttention } from 'flash-window-attention/reference';

/** Two images of four windows that are shifted, of two heads. */
export const [B, H, L, D, nW] = [8, 2, 16, 16, 4] as const;
export const WINDOW = 4;
const IMAGE = 8;

/** Inputs that have everything. */
export interface FaultInputs {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly bias: Tensor;
  readonly mask: Tensor;
}

/** A fault that a kernel may have: made of the reference's right outputs, without the oracle's own list of faults. */
export interface PlantedFault {
  /** As `diagnose` names it. */
  readonly name: string;
  readonly text: string;
  readonly group: string;
  /** The inputs of `seed`, and what a kernel with the fault makes of them. */
  plant(seed: number): {
    readonly inputs: CaseInputs | ImageCaseInputs;
    readonly actuals: CaseActuals | ImageCaseActuals;
  };
}

export function faultInputs(seed: number): FaultInputs & { readonly dO: Tensor } {
  const vectors = makeVectors({ shape: [B, H, L, D], bias: true, backward: true, seed });
  return { ...vectors, mask: shiftedWindowMask(IMAGE, IMAGE, WINDOW, WINDOW / 2) } as FaultInputs & {
    readonly dO: Tensor;
  };
}

/** Faults of a forward pass, in a group. */
export const forward =
  (group: string) =>
  (name: string, text: string, o: (inputs: FaultInputs) => Reals): PlantedFault => ({
    name,
    text,
    group,
    plant(seed) {
      const { dO: _, ...inputs } = faultInputs(seed);
      return { inputs, actuals: { o: float32(o(inputs)) } };
    },
  });

export type Reals = Tensor<Float64Array>;

export function run(inputs: FaultInputs, changes: Partial<AttentionArgs> = {}): Reals {
  return windowAttention({ ...inputs, ...changes }).o;
}

export function float32({ data, dims }: Reals): Tensor<Float32Array> {
  return { data: Float32Array.from(data), dims, type: 'float32' };
}

/** Reads an element by its index along each axis. */
type Read = (...at: number[]) => number;

/** A tensor of the same dims, each element made `of` the right ones and its own index along each axis. */
export function remade({ data, dims }: TensorLike, of: (x: Read, ...at: number[]) => number): Reals {
  const x = (...at: number[]) => data[at.reduce((index, n, axis) => index * (dims[axis] as number) + n, 0)] as number;
  const made = Float64Array.from({ length: data.length }, (_, index) => {
    const at = new Array<number>(dims.length);
    for (let axis = dims.length - 1, rest = index; axis >= 0; axis--) {
      at[axis] = rest % (dims[axis] as number);
      rest = Math.floor(rest / (dims[axis] as number));
    }
    return of(x, ...at);
  });
  return { data: made, dims, type: 'float64' };
}

/** P `[B, H, L, L]`: what the reference makes of an identity, L = D. */
export function probabilities(inputs: FaultInputs): Reals {
  return run(inputs, { v: remade(inputs.v, (_, __, ___, i, d) => (i === d ? 1 : 0)) });
}

/** P V. */
export function weighted(P: Reals, V: Tensor): Reals {
  return remade(V, (v, b, h, i, d) => {
    let sum = 0;
    for (let j = 0; j < L; j++) sum += (P.data[((b * H + h) * L + i) * L + j] as number) * v(b, h, j, d);
    return sum;
  });
}
