import { checkKeys, checkObject } from '../tensor/check.js';

/** Options of everything that loads a model: callers may hand one object of them to several. */
const LOADING = ['attention', 'dtype', 'outFeatures', 'onProgress', 'fetch', 'signal', 'cache'] as const;
/** Options of a model's methods, likewise. */
const CALLING = ['hiddenStates', 'topK', 'square', 'signal'] as const;

/** @throws TypeError for what is no object, or for a key that no loading has. */
export function checkLoadingOptions(options: object): void {
  checkKeys('options', checkObject('options', options), LOADING);
}

/** @throws TypeError for what is no object, or for a key that no method of a model has. */
export function checkCallingOptions(options: object): void {
  checkKeys('options', checkObject('options', options), CALLING);
}
