import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { kernels } from '#kernels';
import { kernels as modelKernels } from '#modelKernels';
import { instantiateModule } from '../src/kernel/kernelModule.js';
import { packagedSource } from '../src/kernel/kernelSource.js';
import { KernelMemory } from '../src/kernel/memory.js';
import { importSharedMemory } from '../src/kernel/sharedMemory.js';
import { supportsSimd } from '../src/kernel/simd.js';

const memoryOf = (isShared: boolean) => KernelMemory.create(isShared);
const KIB = 1024;
const bytesOf = (name: string) => readFileSync(new URL(`../build/wasm/${name}.wasm`, import.meta.url));

describe.each([
  ['simd', 'attention', 'simd'],
  ['relaxed-simd', 'attention', 'relaxed-simd'],
  ['model-simd', 'model', 'simd'],
  ['model-relaxed-simd', 'model', 'relaxed-simd'],
] as const)('the kernels of %s', (name, moduleName, simd) => {
  it('is at most 40 KiB', () => {
    expect(bytesOf(name).length).toBeLessThanOrEqual(40 * KIB);
  });

  it.runIf(supportsSimd(simd))('imports its memory alone, shared or not', async () => {
    const module = new WebAssembly.Module(bytesOf(name));
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
    const shared = new WebAssembly.Module(importSharedMemory(new Uint8Array(bytesOf(name))));
    await instantiateModule(moduleName, module, memoryOf(false));
    await instantiateModule(moduleName, shared, memoryOf(true));
    await expect(instantiateModule(moduleName, module, memoryOf(true))).rejects.toThrow(WebAssembly.LinkError);
  });

  it.runIf(supportsSimd(simd))(
    'writes nothing to the memory as it starts: instances of all threads share it',
    async () => {
      const memory = memoryOf(false);
      await instantiateModule(moduleName, new WebAssembly.Module(bytesOf(name)), memory);
      expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true);
    },
  );

  it.runIf(supportsSimd(simd))('are what the package carries as text', async () => {
    const packaged = moduleName === 'attention' ? kernels : modelKernels;
    const text = simd === 'simd' ? packaged.plain : await packaged.relaxed();
    const inflated = inflateRawSync(Buffer.from(text as string, 'base64'));
    expect(inflated.equals(bytesOf(name))).toBe(true);
    const module = await packagedSource(packaged, simd).module(false);
    const exports = await instantiateModule(moduleName, module, memoryOf(false));
    expect(Boolean(exports.isRelaxed())).toBe(simd === 'relaxed-simd');
  });
});

describe('the plain SIMD kernel', () => {
  it('asks for scratch that depends on L and D alone, 256 KiB at most at L = 64, D = 64', async () => {
    const kernel = await instantiateModule('attention', new WebAssembly.Module(bytesOf('simd')), memoryOf(false));
    expect(kernel.windowAttentionScratch(64, 64)).toBeLessThanOrEqual(256 * KIB);
    expect(kernel.windowAttentionBackwardScratch(64, 64)).toBeLessThanOrEqual(256 * KIB);
    expect(kernel.shiftedWindowAttentionScratch(64, 64)).toBeLessThanOrEqual(256 * KIB);
    // Sizes that overflow an i32 are answered, for the memory to refuse.
    expect(kernel.windowAttentionScratch(2 ** 30, 2 ** 30)).toBeGreaterThan(2 ** 60);
  });
});
