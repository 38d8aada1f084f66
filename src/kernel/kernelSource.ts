import type { PackagedKernel, PackagedKernels } from '#kernels';
import { describe, message, tagOf } from '../tensor/check.js';
import { inflate } from '../tensor/inflate.js';
import { importSharedMemory } from './sharedMemory.js';
import type { KernelSimd } from './simd.js';
import type { ResponseLike, WasmSource } from './wasmSource.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Compiles a kernel module to import a memory that is shared, or is not; one that is given compiled stays as it is. */
export interface KernelSource {
  module(isShared: boolean): Promise<WebAssembly.Module>;
}

/** Compiled modules of the package, for all engines. */
const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** The package's own kernels, compiled once. */
export function packagedSource(kernels: PackagedKernels, simd: KernelSimd): KernelSource {
  return {
    module(isShared) {
      const key = `${kernels.name} ${simd} ${isShared}`;
      let module = compiled.get(key);
      if (!module) {
        module = packagedKernel(kernels, simd).then((kernel) => compile(kernel, isShared));
        compiled.set(key, module);
        // A failure may be of the moment: the next engine tries again.
        module.catch(() => compiled.delete(key));
      }
      return module;
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

/** Plain SIMD where the package, or what a host lets it import, has no relaxed kernel. */
async function packagedKernel(
  { plain, relaxed }: PackagedKernels,
  simd: KernelSimd,
): Promise<WebAssembly.Module | Bytes> {
  const wanted = simd === 'simd' ? undefined : await relaxed().catch(() => undefined);
  const kernel: PackagedKernel = wanted ?? plain;
  return typeof kernel === 'string' ? inflate(kernel) : kernel;
}

async function read(source: WasmSource): Promise<WebAssembly.Module | Bytes> {
  if (typeof source === 'string') return fetchBytes(urlOf(source));
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  // By tag and not by class: a host may make its objects in another realm.
  const awaited: unknown = await source;
  switch (tagOf(awaited)) {
    case 'WebAssembly.Module':
      return awaited as WebAssembly.Module;
    case 'ArrayBuffer':
    case 'SharedArrayBuffer':
      return new Uint8Array(new Uint8Array(awaited as ArrayBuffer));
    case 'URL':
      return fetchBytes(awaited as URL);
    case 'Response':
      return bytesOf(awaited as ResponseLike);
    default:
      throw new TypeError(message('wasm', 'a WebAssembly.Module, bytes, URL or Response', describe(awaited)));
  }
}

function urlOf(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw new TypeError(message('wasm', 'a whole URL, such as file:///path/kernel.wasm', describe(text)), { cause });
  }
}

async function fetchBytes(url: URL): Promise<Bytes> {
  const open = async () => {
    if (url.protocol !== 'file:') return fetch(url);
    const { readFile } = globalThis.process.getBuiltinModule('node:fs/promises');
    return new Uint8Array(await readFile(url));
  };
  let opened: Bytes | Response;
  try {
    opened = await open();
  } catch (cause) {
    throw new TypeError(message('wasm', 'a URL that can be read', `${url}: ${(cause as Error).message}`), { cause });
  }
  return ArrayBuffer.isView(opened) ? opened : bytesOf(opened);
}

async function bytesOf(response: ResponseLike): Promise<Bytes> {
  if (!response.ok) {
    throw new TypeError(message('wasm', 'a response with the kernel', `HTTP status ${response.status}`));
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function compile(kernel: WebAssembly.Module | Bytes, isShared: boolean): Promise<WebAssembly.Module> {
  // By kind and not by class: a module may be of another realm.
  const bytes = ArrayBuffer.isView(kernel) ? (kernel as Bytes) : undefined;
  if (!bytes) return kernel as WebAssembly.Module;
  return WebAssembly.compile(isShared ? importSharedMemory(bytes) : bytes);
}
