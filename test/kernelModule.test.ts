import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { instantiateKernel } from '../src/attention/kernelExports.js';

const KIB = 1024;
const bytesOf = (name: string) => readFileSync(new URL(`../build/wasm/${name}.wasm`, import.meta.url));

describe.each(['simd', 'relaxed-simd'])('the kernel %s', (name) => {
  it('is at most 40 KiB', () => {
    expect(bytesOf(name).length).toBeLessThanOrEqual(40 * KIB);
  });
});

describe('the plain SIMD kernel', () => {
  it('imports nothing', () => {
    expect(WebAssembly.Module.imports(new WebAssembly.Module(bytesOf('simd')))).toEqual([]);
  });

  it('asks for scratch that depends on L and D alone, 256 KiB at most at L = 64, D = 64', async () => {
    const kernel = await instantiateKernel(new WebAssembly.Module(bytesOf('simd')));
    expect(kernel.windowAttentionScratch(64, 64)).toBeLessThanOrEqual(256 * KIB);
    expect(kernel.windowAttentionBackwardScratch(64, 64)).toBeLessThanOrEqual(256 * KIB);
    expect(kernel.shiftedWindowAttentionScratch(64, 64)).toBeLessThanOrEqual(256 * KIB);
    // Sizes that overflow an i32 are answered, for the memory to refuse.
    expect(kernel.windowAttentionScratch(2 ** 30, 2 ** 30)).toBeGreaterThan(2 ** 60);
  });
});
