/**
 * The float64 reference, synchronous and without WebAssembly: attention, backward, partition, shift, masks, position bias.
 * @module flash-window-attention/reference
 */

export type { AttentionArgs, AttentionBackwardArgs } from '../arguments/attentionArgs.js';
export type { ShiftedWindowArgs, ShiftedWindowBackwardArgs, Size } from '../arguments/shiftedWindowArgs.js';
export { type ContinuousPositionBiasArgs, continuousPositionBias } from './continuousPositionBias.js';
export { cyclicShift } from './cyclicShift.js';
export { flashWindowAttention } from './flashWindowAttention.js';
export { flashWindowAttentionBackward } from './flashWindowAttentionBackward.js';
export { gelu } from './gelu.js';
export type { Gradients } from './gradients.js';
export { layerNorm } from './layerNorm.js';
export { linear } from './linear.js';
export { relativePositionBias, relativePositionIndex } from './relativePositionBias.js';
export { resizeRelativePositionBias } from './resizeRelativePositionBias.js';
export { shiftedWindowAttention } from './shiftedWindowAttention.js';
export { type ShiftedWindowGradients, shiftedWindowAttentionBackward } from './shiftedWindowAttentionBackward.js';
export { shiftedWindowMask } from './shiftedWindowMask.js';
export { type ReferenceOutput, windowAttention } from './windowAttention.js';
export { windowAttentionBackward } from './windowAttentionBackward.js';
export { windowPartition, windowReverse } from './windowPartition.js';
