import type { CheckedShiftedWindowArgs, WindowGrid } from '../arguments/shiftedWindowArgs.js';
import { clampLogitScale } from '../reference/scores.js';
import { type TensorLike, toFloat64 } from '../tensor/tensor.js';
import type { Fault } from './faults.js';
import type { ImageOutputName } from './imageCase.js';

/** A token that a window has from padding, or that is stored to no image. */
export const PADDED = -1;
/** A token outside the batch, whose memory may hold anything. */
export const OUTSIDE = -2;
/** A token that is zeros. */
export const ZEROS = -3;

/** How windows lie in an image; what is absent is as it should be. */
export interface Geometry {
  /** A token of a window is read this far from its place, modulo the image. */
  readonly shift?: readonly [number, number];
  readonly rollBeforePadding?: boolean;
  /** Padding above and to the left of the image. */
  readonly origin?: readonly [number, number];
  /** What stands for a token beyond the image: the nearest, the mirrored (without or with the last) or the one of the other side. */
  readonly beyond?: 'nearest' | 'mirrored' | 'symmetric' | 'wrapped';
  /** Zeros move in where the shift would wrap round. */
  readonly isShiftOpen?: true;
  /** y · paddedWidth + x, before the shift, of every token of every window `[nW, L]`. */
  readonly partition?: () => Int32Array;
  /** The window of the batch that stands for window u, below 0 for none. */
  readonly unit?: (u: number) => number;
  /** The token of a window that stands for token l. */
  readonly token?: (l: number) => number;
}

/** Tensors whose windows are cut or put back. */
export type Placed = 'q' | 'k' | 'v' | 'dO' | 'o' | 'dQ' | 'dK' | 'dV';

/** Windows of other sizes or another number than the call's. */
export type OtherGrid = Pick<WindowGrid, 'windowSize' | 'paddedHeight' | 'paddedWidth' | 'nW'>;

/** What a faulty kernel over images does differently. Faults combine where they change different things. */
export interface ImageFault {
  /** Of all tensors. */
  readonly grid?: OtherGrid;
  /** Where each tensor is read, or stored. */
  readonly places?: { readonly [name in Placed]?: Geometry };
  /** Channel of qkv, of the output, of dQkv for `[part, h, d]`. */
  readonly channels?: Int32Array;
  readonly outputChannels?: Int32Array;
  readonly gradientChannels?: Int32Array;
  /** Row l · 3H + part · H + h of D channels of a window that is read for q, k or v (0, 1, 2) of head h and token l. */
  readonly readRows?: (part: number, h: number, l: number) => number;
  /** h · L + l of the result that is stored as head h of token l. */
  readonly storedRows?: (h: number, l: number) => number;
  /** q|k|v of a padded token. */
  readonly padding?: Float64Array;
  /** Mask `[L, L]` of window u of the batch, undefined for none. */
  readonly mask?: (u: number) => Float64Array | undefined;
  /** Share of window u in sums over windows. */
  readonly share?: (u: number) => number;
  /** Inside every window. */
  readonly window?: Fault;
}

export interface ImageVariant {
  readonly name: string;
  readonly explanation: string;
  readonly fault: ImageFault;
}

/** Inputs of a case over images in float64. */
export interface ImageProblem {
  readonly B: number;
  readonly Himg: number;
  readonly Wimg: number;
  readonly C: number;
  readonly H: number;
  readonly D: number;
  readonly L: number;
  readonly nW: number;
  readonly grid: WindowGrid;
  /** The shift that was asked for, also along an axis where it falls away. */
  readonly askedShift: readonly [number, number];
  readonly qkv: Float64Array;
  readonly padding: Float64Array;
  readonly hasPadding: boolean;
  readonly dO: Float64Array | undefined;
  readonly bias: Float64Array | undefined;
  readonly scale: number;
  readonly logitScale: Float64Array | undefined;
  readonly factors: readonly number[];
}

export interface ImageContext {
  readonly problem: ImageProblem;
  readonly output: ImageOutputName;
}

/** Faults of one kind, the likelier first. */
export type ImageFamily = (context: ImageContext) => readonly ImageVariant[];

export function imageProblem(
  args: CheckedShiftedWindowArgs,
  askedShift: readonly [number, number],
  dO: TensorLike | undefined,
): ImageProblem {
  const { B, Himg, Wimg, C, numHeads, headDim, grid, qkv, relativePositionBias, paddingQkv } = args;
  const logitScale = args.logitScale && toFloat64(args.logitScale);
  const scale = args.scale ?? headDim ** -0.5;
  return {
    B,
    Himg,
    Wimg,
    C,
    H: numHeads,
    D: headDim,
    L: grid.L,
    nW: grid.nW,
    grid,
    askedShift,
    qkv: toFloat64(qkv),
    padding: paddingQkv ? toFloat64(paddingQkv) : new Float64Array(3 * C),
    hasPadding: grid.paddedHeight > Himg || grid.paddedWidth > Wimg,
    dO: dO && toFloat64(dO),
    bias: relativePositionBias && toFloat64(relativePositionBias),
    scale,
    logitScale,
    factors: logitScale
      ? Array.from(logitScale, (value) => Math.exp(clampLogitScale(value)))
      : new Array<number>(numHeads).fill(scale),
  };
}

/** Both faults at once; undefined where they change the same thing. */
export function joined(a: ImageFault, b: ImageFault): ImageFault | undefined {
  if (a.grid && b.grid) return undefined;
  const places: { [name in Placed]?: Geometry } = { ...a.places };
  for (const [name, geometry] of Object.entries(b.places ?? {}) as [Placed, Geometry][]) {
    if (overlap(places[name], geometry)) return undefined;
    places[name] = { ...places[name], ...geometry };
  }
  const { places: _a, window: windowA, ...restA } = a;
  const { places: _b, window: windowB, ...restB } = b;
  if (overlap(restA, restB) || overlap(windowA, windowB)) return undefined;
  return {
    ...restA,
    ...restB,
    ...((a.places || b.places) && { places }),
    ...((windowA || windowB) && { window: { ...windowA, ...windowB } }),
  };
}

function overlap(a: object | undefined, b: object | undefined): boolean {
  return Object.keys(a ?? {}).some((key) => key in (b ?? {}));
}
