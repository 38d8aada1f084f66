import { INT8_CONSTANTS } from '../tensor/int8.js';

/**
 * What the kernels and their caller agree on. `scripts/generateRecords.mjs` makes the AssemblyScript side of this file,
 * build/assembly/records.ts: a class for every record and a constant for every number.
 */

/** Bytes after every array that kernels may read or write, and never use. */
export const SLACK = 64;

/** Numbers of both sides. */
export const CONSTANTS = {
  /** Outputs, keys or features of a packed panel. */
  PANEL: 8,
  /** Windows' rows of dBias are padded to a multiple of so many numbers. */
  BIAS_PADDING: 8,
  /** Inputs that the linear kernel takes at a time: their share of a panel, 16 KiB, stays in L1. */
  LINEAR_CHUNK_DIM: 512,
  ...INT8_CONSTANTS,
  /** Element types. */
  FLOAT32: 0,
  FLOAT16: 1,
  BFLOAT16: 2,
} as const;

/** `usize`: a pointer into kernel memory, 0 for what is absent. */
export type FieldType = 'i32' | 'usize' | 'f32';

const window = {
  /** Pairs of window and head; the first is number `first` of [B, H]. */
  windowHeads: 'i32',
  first: 'i32',
  H: 'i32',
  L: 'i32',
  D: 'i32',
  /** Windows of an image, 1 without a mask. */
  nW: 'i32',
  /** (windowHeads, L, D). */
  q: 'usize',
  k: 'usize',
  v: 'usize',
  /** (H, L, L). */
  bias: 'usize',
  /** (nW, L, L). */
  mask: 'usize',
  scale: 'f32',
  /** (H) float64, `exp(min(logitScale, ln 100))`: selects cosine attention. */
  logitFactors: 'usize',
} as const;

const image = {
  /** Horizontal bands of windows. */
  bands: 'i32',
  /** For each line of the bands, pointers to the lines of the images that it is; 0 for padding. */
  rows: 'usize',
  /** For each band, the first of its lines that the cyclic shift wrapped round; Wh for none. */
  splits: 'usize',
  /** Element type of qkv. */
  type: 'i32',
  /** q|k|v of a padded token, (3C) float32. */
  padding: 'usize',
  /** Windows of a band. */
  windows: 'i32',
  /** For each of the windows × Ww tokens of a band's lines, the token of the image line that it is, int32; −1 for padding. */
  columns: 'usize',
  /** The first token of a band's last window that the cyclic shift wrapped round; Ww for none. */
  splitX: 'i32',
  Wh: 'i32',
  Ww: 'i32',
  H: 'i32',
  D: 'i32',
  /** (H, L, L). */
  bias: 'usize',
  scale: 'f32',
  /** As for windows. */
  logitFactors: 'usize',
} as const;

const sums = {
  /** (H, L, L padded to BIAS_PADDING) to add to. */
  dBias: 'usize',
  /** (H) float64 to add to. */
  dLogitScale: 'usize',
} as const;

const layer = {
  rows: 'i32',
  inputs: 'i32',
  outputs: 'i32',
  /** The panels of outputs that are computed. */
  firstPanel: 'i32',
  panels: 'i32',
  /** (rows, inputs). */
  x: 'usize',
  /** (inputs) of a layer norm of x's rows. */
  normWeight: 'usize',
  normBias: 'usize',
  eps: 'f32',
  /** (outputs padded to PANEL). */
  bias: 'usize',
  isGelu: 'i32',
  /** (rows, outputs); may be `o`. */
  residual: 'usize',
  /** (rows, outputs). */
  o: 'usize',
} as const;

/** The record that each kernel takes: its fields, in the order in which they lie in memory, 4 bytes each. */
export const RECORDS = {
  windowAttention: { ...window, /** (windowHeads, L, D). */ o: 'usize', /** (windowHeads, L). */ lse: 'usize' },
  windowAttentionBackward: { ...window, dO: 'usize', dQ: 'usize', dK: 'usize', dV: 'usize', ...sums },
  shiftedWindowAttention: { ...image, firstHead: 'i32', heads: 'i32' },
  shiftedWindowAttentionBackward: { ...image, /** dO of a padded token, (C). */ zeros: 'usize', ...sums },
  layerNorm: {
    rows: 'i32',
    C: 'i32',
    /** (rows, C); `residual` may be `out`. */
    x: 'usize',
    residual: 'usize',
    out: 'usize',
    /** (C). */
    weight: 'usize',
    bias: 'usize',
    eps: 'f32',
  },
  linear: {
    ...layer,
    /** `[panel][inputs][PANEL]`. */ weights: 'usize',
    /** Element type of weights. */ weightType: 'i32',
  },
  linearInt8: {
    ...layer,
    /** int8, `[panel][inputs / 2, rounded up][PANEL][2]`. */
    weights: 'usize',
    /** (outputs padded to PANEL). */
    scales: 'usize',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, FieldType>>>>;

export type KernelName = keyof typeof RECORDS;

/** A kernel's arguments: every field of its record. */
export type KernelArgs<K extends KernelName> = { readonly [Field in keyof (typeof RECORDS)[K]]: number };

/** The kernels of each module: what attention needs, and what models need beside it. */
export const MODULES = {
  attention: ['windowAttention', 'windowAttentionBackward', 'shiftedWindowAttention', 'shiftedWindowAttentionBackward'],
  model: ['layerNorm', 'linear', 'linearInt8'],
} as const satisfies Readonly<Record<string, readonly KernelName[]>>;

export type ModuleName = keyof typeof MODULES;

/** Bytes of the largest record. */
export const RECORD_BYTES = 4 * Math.max(...Object.values(RECORDS).map((fields) => Object.keys(fields).length));

/** Changes with any record or constant, so that a kernel of another version of this package is found out. */
export const SCHEMA_VERSION = hashOf(JSON.stringify([SLACK, CONSTANTS, RECORDS]));

/** FNV-1a of ASCII, as an int32. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
