import { availableParallelism, cpus } from 'node:os';
import { createWindowAttention } from '../attention/createWindowAttention.js';
import { supportsSimd } from '../kernel/simd.js';

/** What this machine supports, and what `createWindowAttention()` would run. */
export interface Info {
  readonly runtime: string;
  readonly cpu: string;
  readonly cores: number;
  readonly simd: boolean;
  readonly relaxedSimd: boolean;
  readonly backend: string;
}

export async function info(): Promise<Info> {
  const attention = await createWindowAttention();
  const { backend } = attention;
  await attention.dispose();
  return {
    runtime: `Node ${process.versions.node} (V8 ${process.versions.v8}), ${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    simd: supportsSimd('simd'),
    relaxedSimd: supportsSimd('relaxed-simd'),
    backend,
  };
}
