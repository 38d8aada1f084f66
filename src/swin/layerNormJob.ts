import type { Job } from '../kernel/job.js';
import type { Kernel } from '../kernel/kernel.js';
import type { PackedNorm } from './packedWeights.js';

/** Numbers of a part. */
const PART_LENGTH = 32 * 1024;

/** out = residual + norm(x) over rows; pointers to kernel memory, residual 0 for none, and it may be `out`. */
export function layerNormJob(
  kernel: Kernel,
  rows: number,
  norm: PackedNorm,
  x: number,
  residual: number,
  out: number,
): Job<'layerNorm'> {
  const { C, weight, bias, eps } = norm;
  const rowsOfPart = kernel.threads === 1 ? rows : Math.max(1, Math.floor(PART_LENGTH / C));
  const { scratch, scratchBytes } = kernel.scratch(0);
  const { at } = kernel.memory.work({ scratch });
  return {
    kernel: 'layerNorm',
    parts: Math.ceil(rows / rowsOfPart),
    scratch: at.scratch,
    scratchBytes,
    enter(part) {
      const row = part * rowsOfPart;
      const bytes = 4 * row * C;
      return [
        Math.min(rowsOfPart, rows - row),
        C,
        x + bytes,
        weight,
        bias,
        eps,
        residual && residual + bytes,
        out + bytes,
      ];
    },
    leave() {},
  };
}
