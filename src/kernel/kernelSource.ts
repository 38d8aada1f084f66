import { describe, message } from '../tensor/check.js';
import { importSharedMemory } from './sharedMemory.js';
import type { KernelSimd } from './simd.js';

/** Where the kernel comes from when it is not the package's own. */
export type WasmSource = WebAssembly.Module | BufferSource | URL | string | Response | PromiseLike<Response>;

/** How a build of this package carries its kernels: as bytes, or compiled where a host forbids compiling. */
export type PackagedKernel = (simd: KernelSimd) => Promise<WebAssembly.Module | Uint8Array<ArrayBuffer>>;

/** Compiles the kernel to import a memory that is shared, or is not; a module that is given stays as it is. */
export interface KernelSource {
  module(isShared: boolean): Promise<WebAssembly.Module>;
}

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** The package's own kernel, compiled once for all engines. */
export function packagedSource(packaged: PackagedKernel, simd: KernelSimd): KernelSource {
  return {
    module(isShared) {
      const key = `${simd} ${isShared}`;
      const known = compiled.get(key) ?? packaged(simd).then((kernel) => compile(kernel, isShared));
      compiled.set(key, known);
      return known;
    },
  };
}

/**
 * The kernel that a caller gives.
 * @throws TypeError for what is no source, a response without success, or bytes that do not compile.
 */
export async function givenSource(source: WasmSource): Promise<KernelSource> {
  const kernel = await read(source);
  return {
    async module(isShared) {
      try {
        return await compile(kernel, isShared);
      } catch (cause) {
        throw new TypeError(message('wasm', 'WebAssembly bytes that compile', String(cause)), { cause });
      }
    },
  };
}

async function read(source: WasmSource): Promise<WebAssembly.Module | Uint8Array<ArrayBuffer>> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  if (source instanceof URL) return fetchBytes(source);
  if (typeof source === 'string') return fetchBytes(new URL(source));
  const response: unknown = await source;
  if (typeof Response === 'function' && response instanceof Response) return bytesOf(response);
  throw new TypeError(message('wasm', 'a WebAssembly.Module, bytes, URL or Response', describe(response)));
}

async function fetchBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol !== 'file:') return bytesOf(await fetch(url));
  const { readFile } = globalThis.process.getBuiltinModule('node:fs/promises');
  return new Uint8Array(await readFile(url));
}

async function bytesOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  if (!response.ok) {
    throw new TypeError(message('wasm', 'a response with the kernel', `HTTP status ${response.status}`));
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function compile(
  kernel: WebAssembly.Module | Uint8Array<ArrayBuffer>,
  isShared: boolean,
): Promise<WebAssembly.Module> {
  if (kernel instanceof WebAssembly.Module) return kernel;
  return WebAssembly.compile(isShared ? importSharedMemory(kernel) : kernel);
}
