import { checkKeys, checkObject } from '../tensor/check.js';

/** The arguments of every attention operation: callers may hand one object of them to several. */
const ARGUMENTS = [
  'q',
  'k',
  'v',
  'bias',
  'mask',
  'scale',
  'logitScale',
  'out',
  'dO',
  'chunkDim',
  'qkv',
  'numHeads',
  'windowSize',
  'shiftSize',
  'alwaysShift',
  'rollBeforePadding',
  'relativePositionBias',
  'paddingQkv',
] as const;

/** @throws TypeError for what is no object, or for an argument that no operation has. */
export function checkArguments(args: unknown): void {
  checkKeys('args', checkObject('args', args), ARGUMENTS);
}
