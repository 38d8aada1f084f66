import relaxedSimd from '../../build/wasm/relaxed-simd.wasm';
import simd from '../../build/wasm/simd.wasm';
import type { PackagedKernel } from './kernelSource.js';

/** The kernels for Cloudflare Workers, which import WebAssembly compiled and compile nothing themselves. */
export const workerdKernel: PackagedKernel = async (wanted) => (wanted === 'simd' ? simd : relaxedSimd);
