import type { KernelCall } from '../kernel/core.js';
import type { Job } from '../kernel/job.js';
import type { PackedNorm } from './packedWeights.js';

/** Numbers of a part. */
const PART_LENGTH = 32 * 1024;

/** out = residual + norm(x) over rows; pointers to kernel memory, residual 0 for none, and it may be `out`. */
export function layerNormJob(
  call: KernelCall,
  rows: number,
  norm: PackedNorm,
  x: number,
  residual: number,
  out: number,
): Job<'layerNorm'> {
  const { C, weight, bias, eps } = norm;
  const rowsOfPart = call.core.threads === 1 ? rows : Math.max(1, Math.floor(PART_LENGTH / C));
  const { scratch, scratchBytes } = call.scratch(0);
  const { at } = call.work({ scratch });
  return {
    kernel: 'layerNorm',
    parts: Math.ceil(rows / rowsOfPart),
    scratch: at.scratch,
    scratchBytes,
    enter(part) {
      const row = part * rowsOfPart;
      const bytes = 4 * row * C;
      return {
        rows: Math.min(rowsOfPart, rows - row),
        C,
        x: x + bytes,
        residual: residual && residual + bytes,
        out: out + bytes,
        weight,
        bias,
        eps,
      };
    },
  };
}
