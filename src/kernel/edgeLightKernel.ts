import relaxedSimd from '../../build/wasm/relaxed-simd.wasm?module';
import simd from '../../build/wasm/simd.wasm?module';
import type { PackagedKernel } from './kernelSource.js';

/** The kernels for Vercel's edge functions, which import WebAssembly compiled and compile nothing themselves. */
export const edgeLightKernel: PackagedKernel = async (wanted) => (wanted === 'simd' ? simd : relaxedSimd);
