import { checkKeys, checkObject } from '../tensor/check.js';

/** Arguments of the operations over windows. */
export const WINDOW_ARGUMENTS = [
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
] as const;

/** Arguments of the operations over images. */
export const IMAGE_ARGUMENTS = [
  'qkv',
  'numHeads',
  'windowSize',
  'shiftSize',
  'alwaysShift',
  'rollBeforePadding',
  'relativePositionBias',
  'scale',
  'logitScale',
  'paddingQkv',
  'out',
  'dO',
] as const;

/** Callers may hand one object of arguments to several operations. */
const ALL: readonly string[] = [...WINDOW_ARGUMENTS, ...IMAGE_ARGUMENTS];

/** @throws TypeError for what is no object, or for an argument that no operation has; it names the operation's `own`. */
export function checkArguments(args: unknown, own: readonly string[]): void {
  checkKeys('args', checkObject('args', args), ALL, own);
}
