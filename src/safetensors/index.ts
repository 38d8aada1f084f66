/**
 * The safetensors file format.
 * @module flash-window-attention/safetensors
 */

export { readSafetensors, type SafetensorsFile } from './readSafetensors.js';
export { writeSafetensors } from './writeSafetensors.js';
