import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inlineKernel } from '../src/kernel/inlineKernel.js';
import { instantiateKernel } from '../src/kernel/kernelExports.js';
import { takeMemory } from '../src/kernel/memories.js';
import { importSharedMemory } from '../src/kernel/sharedMemory.js';
import { supportsSimd } from '../src/kernel/simd.js';

const memoryOf = (isShared: boolean) => takeMemory(isShared) as WebAssembly.Memory;
const KIB = 1024;
const bytesOf = (name: string) => readFileSync(new URL(`../build/wasm/${name}.wasm`, import.meta.url));

describe.each(['simd', 'relaxed-simd'] as const)('the kernel %s', (name) => {
  it('is at most 40 KiB', () => {
    expect(bytesOf(name).length).toBeLessThanOrEqual(40 * KIB);
  });

  it.runIf(supportsSimd(name))('imports its memory alone, shared or not', async () => {
    const module = new WebAssembly.Module(bytesOf(name));
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
    const shared = new WebAssembly.Module(importSharedMemory(new Uint8Array(bytesOf(name))));
    await instantiateKernel(module, memoryOf(false));
    await instantiateKernel(shared, memoryOf(true));
    await expect(instantiateKernel(module, memoryOf(true))).rejects.toThrow(WebAssembly.LinkError);
  });

  it.runIf(supportsSimd(name))(
    'writes nothing to the memory as it starts: instances of all threads share it',
    async () => {
      const memory = memoryOf(false);
      await instantiateKernel(new WebAssembly.Module(bytesOf(name)), memory);
      expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true);
    },
  );

  it('is what the package carries as text', async () => {
    expect(Buffer.from((await inlineKernel(name)) as Uint8Array).equals(bytesOf(name))).toBe(true);
  });
});

describe('the plain SIMD kernel', () => {
  it('asks for scratch that depends on L and D alone, 256 KiB at most at L = 64, D = 64', async () => {
    const kernel = await instantiateKernel(new WebAssembly.Module(bytesOf('simd')), memoryOf(false));
    expect(kernel.windowAttentionScratch(64, 64)).toBeLessThanOrEqual(256 * KIB);
    expect(kernel.windowAttentionBackwardScratch(64, 64)).toBeLessThanOrEqual(256 * KIB);
    expect(kernel.shiftedWindowAttentionScratch(64, 64)).toBeLessThanOrEqual(256 * KIB);
    // Sizes that overflow an i32 are answered, for the memory to refuse.
    expect(kernel.windowAttentionScratch(2 ** 30, 2 ** 30)).toBeGreaterThan(2 ** 60);
  });
});
