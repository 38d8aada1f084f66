// The kernels that models need beside attention: a module of its own, so that attention alone stays small.
export { layerNorm } from './layerNorm';
export { linear, linearScratch, packLinear } from './linear';
export { heapBase, isRelaxed, schemaVersion } from './module';
