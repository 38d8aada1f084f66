import { roundToBfloat16 } from '../tensor/half.js';

/**
 * What a faulty kernel does differently from `windowAttention`. Faults of different keys combine; every key has the
 * value of a right kernel when it is absent.
 */
export interface Fault {
  /** Window of the mask for window b of B; undefined for no mask at all. */
  readonly maskOf?: (b: number, nW: number, B: number) => number | undefined;
  /** Where the kernel looks up the bias of head h, query i and key j; undefined for no bias. */
  readonly biasAt?: (h: number, i: number, j: number, shape: FaultShape) => number | undefined;
  /** What the kernel multiplies the bias by, given the scale. */
  readonly biasFactor?: (scale: number) => number;
  /** The factor that the kernel applies to the products, given the right one. */
  readonly scaleOf?: (scale: number) => number;
  readonly isKeyValueSwapped?: true;
  readonly isSoftmaxOverQueries?: true;
  /** Keys of zeros counted beside the real ones. */
  readonly paddedKeys?: number;
  /** Features that enter the products of q and k. */
  readonly features?: number;
  /** Keys that are used. */
  readonly keys?: number;
  /** Whether the sum of exponentials is left in the output, the row's largest score subtracted or not. */
  readonly isUnnormalised?: 'stable' | 'plain';
  readonly isCausal?: true;
  /** Rounds the probabilities, before or after their division by the sum. */
  readonly rounding?: { readonly round: (p: number) => number; readonly isBeforeDivision: boolean };
  /** Whether `[L, H, D]` is taken for `[H, L, D]`. */
  readonly isNotPermuted?: true;
}

export interface FaultShape {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly D: number;
  readonly nW: number;
}

/** A kind of fault, and the ways to make it that are told apart only by how well they fit. */
export interface FaultKind {
  readonly name: string;
  readonly explanation: string;
  /** Empty where the inputs leave no room for it. */
  variants(shape: FaultShape, has: { readonly bias: boolean; readonly mask: boolean }): readonly Fault[];
}

const kind = (name: string, explanation: string, variants: FaultKind['variants']): FaultKind => ({
  name,
  explanation,
  variants,
});
/** Sizes that kernels round to. */
const BLOCKS = [4, 8, 16, 32, 64, 128];
const bfloat16Of = { round: roundToBfloat16 };

/** Every kind of fault that changes the whole output, by the name that `diagnose` gives it. */
export const FAULT_KINDS: readonly FaultKind[] = [
  kind('mask_ignored', 'the mask is not added', (_, { mask }) => (mask ? [{ maskOf: () => undefined }] : [])),
  kind('bias_ignored', 'the bias is not added', (_, { bias }) => (bias ? [{ biasAt: () => undefined }] : [])),
  kind('bias_transposed', 'the bias is added with queries and keys exchanged', ({ L }, { bias }) =>
    bias ? [{ biasAt: (h, i, j) => (h * L + j) * L + i }] : [],
  ),
  kind('bias_of_next_head', 'every head adds the bias of its neighbour', ({ H, L }, { bias }) =>
    bias && H > 1 ? [1, H - 1].map((step) => ({ biasAt: (h, i, j) => (((h + step) % H) * L + i) * L + j })) : [],
  ),
  kind('bias_scaled', 'the scale multiplies the bias too', (_, { bias }) =>
    bias ? [{ biasFactor: (scale) => scale }] : [],
  ),
  kind('scale_missing', 'the products of queries and keys are not scaled', () => [{ scaleOf: () => 1 }]),
  kind('scale_applied_twice', 'the products of queries and keys are scaled twice', () => [
    { scaleOf: (scale) => scale * scale },
  ]),
  kind('mask_window_index_wrong', 'a window adds the mask of another one', ({ B, nW }, { mask }) =>
    mask && nW > 1
      ? [
          { maskOf: (b) => Math.floor((b * nW) / B) },
          { maskOf: () => 0 },
          ...[1, nW - 1].map((step) => ({ maskOf: (b: number) => (b + step) % nW })),
        ]
      : [],
  ),
  kind(
    'shift_reversed',
    'the windows of the mask run backwards, as if the image were shifted the other way',
    ({ nW }, { mask }) => (mask && nW > 1 ? [{ maskOf: (b) => nW - 1 - (b % nW) }] : []),
  ),
  kind(
    'border_mask_missing',
    'the mask is not added to the last window, or row or column of windows',
    ({ nW }, { mask }) => {
      const side = Math.round(Math.sqrt(nW));
      const isSquare = side * side === nW;
      const missing = [
        (w: number) => w === nW - 1,
        ...(isSquare ? [(w: number) => w >= nW - side, (w: number) => w % side === side - 1] : []),
      ];
      return mask && nW > 1
        ? missing.map((isMissing) => ({ maskOf: (b: number) => (isMissing(b % nW) ? undefined : b % nW) }))
        : [];
    },
  ),
  kind('key_value_swapped', 'keys are used as values and values as keys', () => [{ isKeyValueSwapped: true }]),
  kind('softmax_over_queries', 'the softmax runs over queries instead of keys', () => [{ isSoftmaxOverQueries: true }]),
  kind('padded_keys_counted', 'keys of zeros that pad the window enter the softmax', ({ L }) => {
    const padded = BLOCKS.map((block) => Math.ceil(L / block) * block);
    return unique([...padded, 2 ** Math.ceil(Math.log2(L))].map((size) => size - L)).map((paddedKeys) => ({
      paddedKeys,
    }));
  }),
  kind('feature_tail_dropped', 'the last features of queries and keys are left out', ({ D }) => {
    const kept = [...BLOCKS.map((block) => Math.floor((D - 1) / block) * block), ...BLOCKS.map((block) => D - block)];
    return unique([D - 1, ...kept].filter((count) => count > 0)).map((features) => ({ features }));
  }),
  kind('last_key_dropped', 'the last keys are left out', ({ L }) => {
    const kept = [L - 1, ...BLOCKS.map((block) => Math.floor((L - 1) / block) * block)];
    return unique(kept.filter((count) => count > 0)).map((keys) => ({ keys }));
  }),
  kind('output_not_normalised', 'the output is not divided by the sum of exponentials', () => [
    { isUnnormalised: 'stable' },
    { isUnnormalised: 'plain' },
  ]),
  kind('heads_and_tokens_not_permuted', 'the output is laid out as [B, L, H, D]', ({ H, L }) =>
    H > 1 && L > 1 ? [{ isNotPermuted: true }] : [],
  ),
  kind('causal_mask_added', 'a query sees no key behind its own place', ({ L }) => (L > 1 ? [{ isCausal: true }] : [])),
  kind(
    'tokens_column_major',
    'tokens of a window are numbered by columns where the bias numbers them by rows',
    ({ L }, { bias }) => {
      const side = Math.round(Math.sqrt(L));
      if (!bias || side < 2 || side * side !== L) return [];
      const turned = (i: number) => (i % side) * side + Math.floor(i / side);
      return [{ biasAt: (h, i, j) => (h * L + turned(i)) * L + turned(j) }];
    },
  ),
  kind('probabilities_in_bfloat16', 'probabilities are rounded to bfloat16 before they meet the values', () => [
    { rounding: { ...bfloat16Of, isBeforeDivision: false } },
    { rounding: { ...bfloat16Of, isBeforeDivision: true } },
  ]),
];

function unique(counts: readonly number[]): number[] {
  return [...new Set(counts)].filter((count) => count > 0);
}
