import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../src/safetensors/index.js';
import { preprocess } from '../src/swin/preprocess.js';
import { checkPreprocessor } from '../src/swin/preprocessor.js';
import { packed, packedPixels, RESAMPLE, type Resample, resize } from '../src/swin/resize.js';
import type { Tensor } from '../src/tensor/tensor.js';

const golden = (name: string) => readFileSync(new URL(`golden/${name}`, import.meta.url));
const { tensors } = readSafetensors(golden('images/images.safetensors'));
const { cases } = JSON.parse(golden('resize.json').toString()) as {
  cases: readonly (readonly [string, number, number, number, number, string])[];
};

describe('resize', () => {
  const input = tensors['resize.input'] as Tensor<Uint8Array>;
  const [height, width] = input.dims as [number, number];

  it.each(Object.keys(tensors).filter((name) => /^resize\.\w+\.\d/.test(name)))('is Pillow for %s', (name) => {
    const [, filter, toWidth, toHeight] = /resize\.(\w+)\.(\d+)x(\d+)/.exec(name) as unknown as [
      string,
      string,
      string,
      string,
    ];
    const pixels = packedPixels(input.data, height, width, 3);
    const resized = resize(pixels, [Number(toHeight), Number(toWidth)], RESAMPLE[filter as keyof typeof RESAMPLE]);
    expect(resized.data).toEqual(tensors[name]?.data);
  });

  it('is Pillow for random sizes, filters, RGB, RGBA and gray', () => {
    for (const [seed, [mode, fromHeight, fromWidth, toHeight, toWidth, hash]] of cases.entries()) {
      const data = randomBytes(seed, 3 * fromHeight * fromWidth);
      const image = { data: seed % 2 ? data : withAlpha(data), width: fromWidth, height: fromHeight };
      const preprocessor = checkPreprocessor(
        { size: [toHeight, toWidth], resample: seed % 6, do_rescale: false, do_normalize: false },
        { imageSize: [1, 1], numChannels: mode === 'L' ? 1 : 3 },
      );
      const { data: values } = preprocess(image, preprocessor);
      const count = toHeight * toWidth;
      const channels = values.length / count;
      const bytes = Uint8Array.from(
        values,
        (_, i) => values[(i % channels) * count + Math.floor(i / channels)] as number,
      );
      const label = `case ${seed}: ${mode} ${fromHeight} × ${fromWidth} to ${toHeight} × ${toWidth}`;
      expect(createHash('sha256').update(bytes).digest('hex').slice(0, 16), label).toBe(hash);
    }
  });

  it('takes tables of weights in parts where an image is very long', () => {
    const long = packedPixels(randomBytes(1, 3_000_000), 1, 1_000_000, 3);
    for (const resample of [1, 3, 5] as Resample[]) {
      const { data } = resize(long, [1, 7], resample);
      // The mean of random bytes.
      for (const value of data) expect(Math.abs(value - 127)).toBeLessThanOrEqual(2);
      const pixel = packedPixels(long.data.subarray(0, 3), 1, 1, 3);
      const stretched = resize(pixel, [1, 300_000], resample).data;
      expect(stretched.every((value, i) => value === long.data[i % 3])).toBe(true);
    }
  });

  it('leaves an image of the size as it is', () => {
    const pixels = packedPixels(randomBytes(2, 300), 10, 10, 3);
    for (const resample of Object.values(RESAMPLE)) expect(packed(resize(pixels, [10, 10], resample))).toBe(pixels);
  });
});

function randomBytes(seed: number, count: number): Uint8Array {
  let x = seed;
  return Uint8Array.from({ length: count }, () => {
    x = (Math.imul(1664525, x) + 1013904223) >>> 0;
    return x >>> 24;
  });
}

function withAlpha(rgb: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: (rgb.length / 3) * 4 }, (_, i) => {
    return i % 4 === 3 ? i % 256 : (rgb[3 * Math.floor(i / 4) + (i % 4)] as number);
  });
}
