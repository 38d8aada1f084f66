import { describe, expect, it } from 'vitest';
import { preprocess } from '../src/swin/preprocess.js';
import { checkPreprocessor, type PreprocessorConfig } from '../src/swin/preprocessor.js';

const RGB = { imageSize: [32, 48], numChannels: 3 } as const;
const GRAY = { imageSize: [32, 32], numChannels: 1 } as const;
const image = (height: number, width: number, byte = (i: number) => i % 256) => ({
  data: Uint8Array.from({ length: 3 * height * width }, (_, i) => byte(i)),
  height,
  width,
});
const sizeOf = (config: PreprocessorConfig | undefined, [height, width]: readonly [number, number], input = RGB) =>
  preprocess(image(height, width), checkPreprocessor(config, input)).dims.slice(2);

describe('preprocess', () => {
  it("resizes to the model's size and normalises as ImageNet's without a config", () => {
    const { data, dims } = preprocess(
      image(20, 20, () => 100),
      checkPreprocessor(undefined, RGB),
    );
    expect(dims).toEqual([1, 3, 32, 48]);
    expect(data[0]).toBeCloseTo((100 / 255 - 0.485) / 0.229, 6);
    expect(data.at(-1)).toBeCloseTo((100 / 255 - 0.406) / 0.225, 6);
  });

  it("has ViTImageProcessor's defaults for keys that are absent", () => {
    const ramp = image(1, 2, (i) => (i < 3 ? 0 : 255));
    const { data, dims } = preprocess(ramp, checkPreprocessor({}, RGB));
    expect(dims).toEqual([1, 3, 224, 224]);
    expect([data[0], data[223]]).toEqual([-1, 1]);
    // Bilinear, which never overshoots: bicubic would be clipped to 255 before the end.
    expect(data.subarray(0, 224).filter((value) => value === 1)).toHaveLength(56);
  });

  it.each([
    [64, [64, 64]],
    [
      [20, 30],
      [20, 30],
    ],
    [{ height: 20, width: 30 }, [20, 30]],
    [{ shortest_edge: 20 }, [20, 40]],
    // transformers' get_size_with_aspect_ratio: 2 · 20 > 30, so round(30 / 2) = 15.
    [{ shortest_edge: 20, longest_edge: 30 }, [15, 30]],
    [{ shortest_edge: 20, longest_edge: 40 }, [20, 40]],
    [{ shortest_edge: 20, longest_edge: 31 }, [16, 31]],
    [{ shortest_edge: 20, longest_edge: 33 }, [16, 33]],
  ] as [PreprocessorConfig['size'], number[]][])('size %j makes 50 × 100 %j', (size, expected) => {
    expect(sizeOf({ size } as PreprocessorConfig, [50, 100])).toEqual(expected);
    const isTurned = typeof size === 'object' && 'shortest_edge' in size;
    if (isTurned) expect(sizeOf({ size }, [100, 50])).toEqual([...expected].reverse());
  });

  it('crops the middle as timm does, whose crop_pct enlarges the image before', () => {
    const config = { size: 20, crop_pct: 0.8, resample: 0, do_rescale: false, do_normalize: false, image_mean: 0 };
    // 25 × 25, cut to 20 × 20 from round(2.5) = 2 on.
    const { data, dims } = preprocess(
      image(25, 25, (i) => Math.floor(i / 3) % 25),
      checkPreprocessor(config, RGB),
    );
    expect(dims).toEqual([1, 3, 20, 20]);
    expect([data[0], data[19]]).toEqual([2, 21]);
    expect(sizeOf({ size: [20, 40], crop_pct: 0.9 }, [300, 200])).toEqual([20, 40]);
  });

  it('crops as transformers does, with zeros around an image that is smaller', () => {
    const config = { do_resize: false, do_center_crop: true, crop_size: 4, do_rescale: false, do_normalize: false };
    const { data } = preprocess(
      image(7, 3, (i) => 1 + (i % 3)),
      checkPreprocessor(config, RGB),
    );
    expect([...data.subarray(0, 16)]).toEqual([0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1]);
  });

  it('takes the square in the middle', () => {
    const wide = image(2, 6, (i) => Math.floor(i / 3) % 6);
    const config = { do_resize: false, do_rescale: false, do_normalize: false };
    const { data, dims } = preprocess(wide, checkPreprocessor(config, RGB), { square: true });
    expect([dims, [...data.subarray(0, 4)]]).toEqual([
      [1, 3, 2, 2],
      [2, 3, 2, 3],
    ]);
  });

  it("gives a model of one channel Pillow's luminance", () => {
    const pixel = { data: Uint8Array.of(10, 200, 30), width: 1, height: 1 };
    const config = { do_resize: false, image_mean: 0.25, image_std: [0.5] };
    const { data, dims } = preprocess(pixel, checkPreprocessor(config, GRAY));
    expect(dims).toEqual([1, 1, 1, 1]);
    // (19595 · 10 + 38470 · 200 + 7471 · 30 + 32768) >> 16 = 124.
    expect(data[0]).toBeCloseTo((124 / 255 - 0.25) / 0.5, 6);
    expect(checkPreprocessor(undefined, GRAY).values).toHaveLength(1);
  });

  it.each([
    [{ image_std: [0.2, 0, 0.2] }, RangeError, 'image_std[1]'],
    [{ image_std: 0 }, RangeError, 'image_std[0]'],
    [{ image_std: 1e-60 }, RangeError, 'values of channel 0'],
    [{ image_mean: [0, 1e300, 0] }, RangeError, 'values of channel 1'],
    [{ rescale_factor: 1e300 }, RangeError, 'values of channel 0'],
    [{ image_mean: [0.5] }, RangeError, 'image_mean'],
    [{ image_mean: ['0.5', 0.5, 0.5] }, TypeError, 'image_mean[0]'],
    [{ image_mean: null }, TypeError, 'image_mean'],
    [{ resample: 'constructor' }, TypeError, 'resample'],
    [{ resample: 6 }, RangeError, 'resample'],
    [{ resample: null }, TypeError, 'resample'],
    [{ size: null }, TypeError, 'size'],
    [{ size: {} }, TypeError, 'size.height'],
    [{ size: [224] }, RangeError, 'size'],
    [{ size: { height: 0, width: 3 } }, RangeError, 'size.height'],
    [{ size: { longest_edge: 3 } }, TypeError, 'shortest_edge'],
    [{ size: { shortest_edge: 1e9 } }, RangeError, 'shortest_edge'],
    [{ do_center_crop: true, crop_size: null }, TypeError, 'crop_size'],
    [{ rescale_factor: 0 }, RangeError, 'rescale_factor'],
    [{ rescale_factor: Number.POSITIVE_INFINITY }, RangeError, 'rescale_factor'],
    [{ do_resize: 'no' }, TypeError, 'do_resize'],
    [{ crop_pct: 0 }, RangeError, 'crop_pct'],
    ['bicubic', TypeError, 'preprocessor'],
  ])('refuses %j', (config, kind, name) => {
    const check = () => checkPreprocessor(config as never, RGB);
    expect(check).toThrow(kind as never);
    expect(check).toThrow(name as string);
  });

  it('refuses an image that would be resized to more than memory holds', () => {
    const long = image(1, 3_000_000);
    expect(() => preprocess(long, checkPreprocessor({ size: { shortest_edge: 224 } }, RGB))).toThrow(
      /3000000.*672000000/,
    );
    expect(sizeOf({ size: 8 }, [1, 3_000_000])).toEqual([8, 8]);
    const four = { imageSize: [8, 8], numChannels: 4 } as const;
    expect(() => preprocess(image(8, 8), checkPreprocessor(undefined, four))).toThrow(/1 or 3 channels/);
  });
});
