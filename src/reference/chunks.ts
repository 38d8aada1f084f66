/** Columns `[start, start + width)` of the feature dimension. */
export interface Chunk {
  readonly start: number;
  readonly width: number;
}

/** Chunks of `chunkDim` that cover D; the last one is narrower where `chunkDim` does not divide D. */
export function chunksOf(D: number, chunkDim: number): Chunk[] {
  const width = Math.min(chunkDim, D);
  return Array.from({ length: Math.ceil(D / width) }, (_, c) => ({
    start: c * width,
    width: Math.min(width, D - c * width),
  }));
}

/** Copies one chunk of the (L, D) matrix at `offset` of `x` to an (L, width) matrix: the load into on-chip memory. */
export function loadChunk(
  x: Float64Array,
  offset: number,
  L: number,
  D: number,
  { start, width }: Chunk,
): Float64Array {
  const chunk = new Float64Array(L * width);
  for (let i = 0; i < L; i++) {
    const from = offset + i * D + start;
    chunk.set(x.subarray(from, from + width), i * width);
  }
  return chunk;
}

/** Writes an (L, width) chunk back to its columns of the (L, D) matrix at `offset` of `x`. */
export function storeChunk(
  chunk: Float64Array,
  x: Float64Array,
  offset: number,
  L: number,
  D: number,
  { start, width }: Chunk,
): void {
  for (let i = 0; i < L; i++) x.set(chunk.subarray(i * width, (i + 1) * width), offset + i * D + start);
}

/** `S += factor · A Bᵀ`. S: (L, L), A and B: (L, width). */
export function addOuterProducts(
  S: Float64Array,
  A: Float64Array,
  B: Float64Array,
  L: number,
  width: number,
  factor: number,
): void {
  for (let i = 0; i < L; i++) {
    for (let j = 0; j < L; j++) {
      let dot = 0;
      for (let d = 0; d < width; d++) dot += (A[i * width + d] as number) * (B[j * width + d] as number);
      S[i * L + j] = (S[i * L + j] as number) + factor * dot;
    }
  }
}

/** `M X`. M: (L, L), X: (L, width). */
export function multiply(M: Float64Array, X: Float64Array, L: number, width: number): Float64Array {
  const product = new Float64Array(L * width);
  for (let i = 0; i < L; i++) {
    for (let d = 0; d < width; d++) {
      let sum = 0;
      for (let j = 0; j < L; j++) sum += (M[i * L + j] as number) * (X[j * width + d] as number);
      product[i * width + d] = sum;
    }
  }
  return product;
}

/** The transpose of M: (L, L). */
export function transpose(M: Float64Array, L: number): Float64Array {
  return Float64Array.from(M, (_, ij) => M[(ij % L) * L + Math.floor(ij / L)] as number);
}
