import { workerdKernel } from '../kernel/workerdKernel.js';
import { createEngine } from './createEngine.js';
import type { WindowAttention, WindowAttentionOptions } from './windowAttention.js';

/** As in `createWindowAttention.ts`, of modules that this host compiles when it is deployed to. */
export function createWindowAttention(options?: WindowAttentionOptions): Promise<WindowAttention> {
  return createEngine(workerdKernel, options);
}
