/** Sizes of a tensor `[B, H, L, D]`; a bias is `[1, H, L, L]`, a mask `[nW, 1, L, L]`, lse `[B, H, L, 1]`. */
export interface Axes {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly D: number;
}

/** What a kernel finds where it reads past a tile that it never loaded. */
export const ZERO = -1;

/** Memory outside the tensor, which may hold anything. */
export const UNKNOWN = -2;

/** Index of the element that a faulty kernel takes for `[b, h, i, d]`, or `ZERO`, or `UNKNOWN`. */
export type At = (b: number, h: number, i: number, d: number) => number;

/** A way to take one element of a tensor for another. */
export interface Place {
  readonly name: string;
  /** Completes "… is read". */
  readonly text: string;
  readonly at: At;
}

export function indexer({ H, L, D }: Axes): At {
  return (b, h, i, d) => ((b * H + h) * L + i) * D + d;
}
