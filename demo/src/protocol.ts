/** What the page and its worker tell each other. Everything here survives structured cloning. */
import type { Classification } from 'flash-window-attention/swin';

export type Simd = 'typescript' | 'simd' | 'relaxed-simd';
export type Weights = 'float32' | 'int8';

/** How a picture is computed. */
export interface Settings {
  readonly simd: Simd;
  readonly threads: number;
  readonly weights: Weights;
}

/** What this browser, and the model at hand, can do. */
export interface Support {
  readonly simd: readonly Simd[];
  /** Most threads: 1 where the page may not share memory. */
  readonly threads: number;
  readonly weights: readonly Weights[];
}

/** A long step's way: `of` 0 where its end is not known. */
export interface Progress {
  readonly text: string;
  readonly done: number;
  readonly of: number;
}
export type OnProgress = (progress: Progress) => void;

export interface Classified {
  readonly classes: readonly Classification[];
  readonly milliseconds: number;
  /** What really ran. */
  readonly settings: Settings;
}

/** Errors against the float64 reference on the same picture. */
export interface Errors {
  readonly attention: number;
  readonly logits: number;
}

/** One block of the model, as the picture went through it. Indices of tokens are `y · width + x`. */
export interface Block {
  readonly name: string;
  readonly stage: number;
  readonly height: number;
  readonly width: number;
  readonly windowSize: readonly [number, number];
  readonly shiftSize: readonly [number, number];
  readonly heads: number;
  readonly headDim: number;
  /** The window of every token, and the piece of the window, where the shift mask parts it. */
  readonly windowOf: readonly number[];
  readonly pieceOf: readonly number[];
  /** The tokens of every window, in the window's order. */
  readonly tokensOf: readonly (readonly number[])[];
}

export interface Picture {
  /** The centre square that the model saw, as an image file. */
  readonly square: Blob;
  readonly width: number;
  readonly height: number;
}

/** One token's row of P. */
export interface AttentionRow {
  readonly window: number;
  /** Where the token stands in its window. */
  readonly query: number;
  /** By the kernel, and by the float64 reference: over the window's tokens. */
  readonly row: readonly number[];
  readonly reference: readonly number[];
  readonly sum: number;
  readonly largestDifference: number;
}

export interface Chunk {
  readonly from: number;
  readonly to: number;
  /** S `[L, L]` after this chunk. */
  readonly S: readonly number[];
}

/** Algorithm 1 on one window and head. */
export interface Steps {
  readonly L: number;
  readonly D: number;
  readonly chunks: readonly Chunk[];
  readonly P: readonly number[];
  readonly O: readonly number[];
  /** Length of each token's v over all heads, before, and of its output. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** One measured way to compute the model. */
export interface Timing {
  readonly settings: Settings;
  readonly milliseconds: number;
  readonly errors: Errors;
}

export type Side = 'typescript' | 'ours' | 'onnxruntime';

/** One bar of the chart. */
export interface BenchResult {
  readonly shape: string;
  readonly side: Side;
  readonly milliseconds: number;
  readonly gflops: number;
  /** Largest error against the float64 reference. */
  readonly error: number;
}

export interface BenchReport {
  readonly results: readonly BenchResult[];
  readonly ours: string;
  readonly machine: string;
  /** Why a side has no bars. */
  readonly missing: readonly string[];
}

export interface FaultName {
  readonly name: string;
  readonly text: string;
  readonly group: string;
}

export interface Finding {
  readonly name: string;
  readonly explanation: string;
  readonly residual: number;
}

export interface Judged {
  readonly name: string;
  readonly pass: boolean;
  readonly maxAbsError: number;
  readonly tolerance: number;
  readonly worstIndex: string;
  readonly findings: readonly Finding[];
}

/** Errors over tolerance, each cell the largest of its elements. */
export interface ErrorMap {
  readonly title: string;
  readonly rows: number;
  readonly columns: number;
  readonly cells: readonly number[];
  readonly down: string;
  readonly across: string;
}

export interface Verdicts {
  readonly title: string;
  /** The name of the fault that was planted. */
  readonly planted?: string;
  readonly pass: boolean;
  readonly tensors: readonly Judged[];
  readonly maps: readonly ErrorMap[];
}
