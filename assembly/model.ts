// The kernels that models need beside attention: a module of its own, so that attention alone stays small.
export { layerNorm } from './layerNorm';
export { linear, linearScratch } from './linear';
export { linearInt8, linearInt8Scratch } from './linearInt8';
export { heapBase, isRelaxed, schemaVersion } from './module';
export { packLinear, packLinearHalf, packLinearInt8 } from './packLinear';
