/** What int8 layers are rounded to, in kernels and reference. */
export const INT8_CONSTANTS = {
  /** Inputs whose products are summed in int32, exactly: 512 · 128 · 16383 < 2³¹. */
  INT8_CHUNK_DIM: 512,
  /** Largest magnitude of a quantised weight. */
  LARGEST_WEIGHT: 127,
  /** Largest magnitude of a quantised activation. */
  LARGEST_ACTIVATION: 16383,
  /** Rows whose largest magnitude is below it are scaled as if it were theirs, so that no scale's inverse overflows. */
  SMALLEST_RANGE: 2 ** -100,
} as const;
