import { createWindowAttention, type WindowAttention, type WindowAttentionOptions } from '../../src/index.js';
import { supportsSimd } from '../../src/kernel/simd.js';

/** Every backend that this host has; one suite runs over all of them. */
export const BACKENDS: readonly (WindowAttentionOptions & { readonly title: string })[] = [
  { title: 'wasm', backend: 'wasm' },
  ...(supportsSimd('relaxed-simd') ? [{ title: 'relaxed wasm', backend: 'wasm', relaxed: true } as const] : []),
  { title: 'wasm in three threads', backend: 'wasm', threads: 3 },
  { title: 'typescript', backend: 'typescript' },
];

export function createEngine({ title, ...options }: (typeof BACKENDS)[number]): Promise<WindowAttention> {
  return createWindowAttention(options);
}
