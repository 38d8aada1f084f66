export { readSafetensors, type SafetensorsFile } from './readSafetensors.js';
export { writeSafetensors } from './writeSafetensors.js';
