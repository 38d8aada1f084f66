import { checkSignal } from '../tensor/abortSignal.js';
import { checkKeys, checkObject, describe, message } from '../tensor/check.js';

/** Options of everything that loads a model: callers may hand one object of them to several. */
const LOADING = ['attention', 'dtype', 'outFeatures', 'onProgress', 'fetch', 'signal', 'cache'] as const;
/** Options of a model's methods, likewise. */
const CALLING = ['hiddenStates', 'topK', 'square', 'signal'] as const;

/** @throws TypeError for what is no object, for a key that no loading has, and for a host's part that is none. */
export function checkLoadingOptions(options: object): void {
  const given = checkObject('options', options);
  checkKeys('options', given, LOADING);
  checkSignal(given.signal);
  const { attention, onProgress, fetch, cache } = given;
  checkMethod('attention', 'an engine', attention, Object(attention).shiftedWindowAttention);
  checkMethod('onProgress', 'a function', onProgress, onProgress);
  checkMethod('fetch', 'a function', fetch, fetch);
  if (typeof cache !== 'string') checkMethod('cache', 'a text or Cache', cache, Object(cache).match);
}

function checkMethod(name: string, expected: string, value: unknown, method: unknown): void {
  if (value !== undefined && typeof method !== 'function')
    throw new TypeError(message(name, expected, describe(value)));
}

/** @throws TypeError for what is no object, for a key that no method of a model has, and for a flag that is no boolean. */
export function checkCallingOptions(options: object): void {
  const given = checkObject('options', options);
  checkKeys('options', given, CALLING);
  checkFlag('hiddenStates', given.hiddenStates);
  checkFlag('square', given.square);
}

/** @throws TypeError for a flag that is there and no boolean. */
export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean')
    throw new TypeError(message(name, 'a boolean', describe(value)));
}
