/** Instruction sets that the kernels are built for. */
export type KernelSimd = 'simd' | 'relaxed-simd';

// (func (result v128) i32.const 0, i8x16.splat)
const SIMD_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
];
// (func (param v128 v128 v128) (result v128) local.get 0, 1, 2, f32x4.relaxed_madd)
const RELAXED_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2,
  253, 133, 2, 11,
];

/** Whether this host validates WebAssembly with `simd`; nothing is compiled. */
export function supportsSimd(simd: KernelSimd): boolean {
  if (typeof WebAssembly !== 'object') return false;
  return WebAssembly.validate(new Uint8Array(simd === 'simd' ? SIMD_PROBE : RELAXED_PROBE));
}
