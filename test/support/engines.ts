import { createWindowAttention, type WindowAttention, type WindowAttentionOptions } from '../../src/index.js';

/** Every backend that this host has; one suite runs over all of them. */
export const BACKENDS: readonly (WindowAttentionOptions & { readonly title: string })[] = [
  { title: 'wasm', backend: 'wasm' },
  { title: 'wasm in three threads', backend: 'wasm', threads: 3 },
  { title: 'typescript', backend: 'typescript' },
];

export function createEngine({ title, ...options }: (typeof BACKENDS)[number]): Promise<WindowAttention> {
  return createWindowAttention(options);
}
