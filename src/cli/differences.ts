import type { Case } from './cases.js';
import type { StoredTensor } from './npy.js';
import { UsageError } from './usageError.js';

const BLOCK = 2 ** 22;

/** Outputs whose bits two runs do not share. @throws UsageError for one that the second lacks, or of another shape. */
export function differences(first: Case, second: Case, names: readonly string[], suffix: string): string[] {
  return names.filter((name) => {
    const [a, b] = [first.tensors[`${name}${suffix}`] as StoredTensor, second.tensors[`${name}${suffix}`]];
    if (!b || b.type !== a.type || b.dims.join() !== a.dims.join()) {
      throw new UsageError(
        `--repeat expected ${name} as ${a.type} [${a.dims.join(', ')}], got ${b ? `${b.type} [${b.dims.join(', ')}]` : 'none'}`,
      );
    }
    return !hasSameBits(a, b);
  });
}

function hasSameBits(a: StoredTensor, b: StoredTensor): boolean {
  const rows = a.dims[0] ?? 1;
  const size = a.dims.slice(1).reduce((count, dim) => count * dim, 1);
  const step = Math.max(1, Math.floor(BLOCK / Math.max(1, size)));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const [x, y] = [bytesOf(a, first, count), bytesOf(b, first, count)];
    if (Buffer.compare(x, y) !== 0) return false;
  }
  return true;
}

function bytesOf(tensor: StoredTensor, first: number, count: number): Uint8Array {
  const { data } = tensor.read(first, count);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
