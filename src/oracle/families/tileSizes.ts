/** Sizes of tiles that kernels work in. */
export const TILES = [4, 8, 16, 32, 64, 128] as const;

export function unique(counts: readonly number[]): number[] {
  return [...new Set(counts)].filter((count) => count > 0);
}
