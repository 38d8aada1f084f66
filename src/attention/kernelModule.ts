import { describe, message } from '../tensor/check.js';

/** Instruction sets that the kernels are built for. */
export type KernelSimd = 'simd' | 'relaxed-simd';

/** Where the kernel comes from when it is not the package's own file. */
export type WasmSource = WebAssembly.Module | BufferSource | URL | string | Response | PromiseLike<Response>;

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

/** Compiles the kernel: from `source` when given, else from the package's own file. */
export async function kernelModule(simd: KernelSimd, source: WasmSource | undefined): Promise<WebAssembly.Module> {
  if (source === undefined) return loadFrom(packagedKernel(simd));
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return compileBytes(source as BufferSource);
  if (source instanceof URL) return loadFrom(source);
  if (typeof source === 'string') return loadFrom(new URL(source));
  const response: unknown = await source;
  if (typeof Response === 'function' && response instanceof Response) return compileResponse(response);
  throw new TypeError(message('wasm', 'a WebAssembly.Module, bytes, URL or Response', describe(response)));
}

function packagedKernel(simd: KernelSimd): URL {
  if (simd === 'relaxed-simd') return new URL('../../build/wasm/relaxed-simd.wasm', import.meta.url);
  return new URL('../../build/wasm/simd.wasm', import.meta.url);
}

async function loadFrom(url: URL): Promise<WebAssembly.Module> {
  if (url.protocol !== 'file:') return compileResponse(await fetch(url));
  const { readFile } = await import('node:fs/promises');
  return compileBytes(await readFile(url));
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok)
    throw new TypeError(message('wasm', 'a response with the kernel', `HTTP status ${response.status}`));
  return compileBytes(await response.arrayBuffer());
}

async function compileBytes(bytes: BufferSource): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new TypeError(message('wasm', 'WebAssembly bytes that compile', String(cause)), { cause });
  }
}
