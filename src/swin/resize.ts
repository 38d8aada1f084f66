/** 8-bit pixels, perhaps a part of a larger image: channel c of (y, x) is `data[offset + y·rowStride + x·pixelStride + c]`. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly offset: number;
  readonly rowStride: number;
  readonly pixelStride: number;
}

/** An interpolation kernel: zero from `support` on. */
interface Filter {
  readonly support: number;
  weight(x: number): number;
}

/** Pillow's `Resampling` numbers, which `preprocessor_config.json` uses. */
export const RESAMPLE = { nearest: 0, lanczos: 1, bilinear: 2, bicubic: 3, box: 4, hamming: 5 } as const;
export type Resample = (typeof RESAMPLE)[keyof typeof RESAMPLE];

const FILTERS: Readonly<Record<Exclude<Resample, 0>, Filter>> = {
  1: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
  2: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  3: { support: 2, weight: cubic },
  4: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  5: { support: 1, weight: (x) => (Math.abs(x) < 1 ? sinc(x) * hamming(Math.PI * x) : 0) },
};
/** Weights are fixed-point numbers of so many fractional bits. */
const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);
/** Weights in a table at once: 4 MB, far more than photographs need. */
const MAX_WEIGHTS = 2 ** 20;

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Pillow's constants are float32. */
function hamming(x: number): number {
  return Math.fround(0.54) + Math.fround(0.46) * Math.cos(x);
}

/** Keys' cubic with a = −1/2, in Pillow's order of operations. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * -0.5 : 0;
}

/** Rows of interleaved pixels without gaps. */
export function packedPixels(data: Uint8Array, height: number, width: number, channels: number): Pixels {
  return { data, height, width, channels, offset: 0, rowStride: width * channels, pixelStride: channels };
}

/**
 * Resizes pixels to the bit as Pillow does: first along rows, then along columns, each result rounded to 8 bits, the
 * filter widened where the image shrinks, its weights rounded to 22 fractional bits.
 * Source: Pillow, `ImagingResample` (libImaging/Resample.c) and, for nearest, `ImagingScaleAffine` (Geometry.c).
 */
export function resize(pixels: Pixels, [height, width]: readonly [number, number], resample: Resample): Pixels {
  if (pixels.height === height && pixels.width === width) return pixels;
  if (resample === RESAMPLE.nearest) return resizeNearest(pixels, height, width);
  const filter = FILTERS[resample];
  const rows = pixels.width === width ? pixels : resizeRows(pixels, width, filter);
  return rows.height === height ? rows : resizeColumns(rows, height, filter);
}

/** Of target pixels `[start, end)`: the first source pixel of each, and its weights. */
interface Taps {
  readonly end: number;
  readonly firsts: Int32Array;
  /** Where the weights of a target pixel begin; one more, where the last end. */
  readonly begins: Int32Array;
  readonly weights: Int32Array;
}

/** The taps of all target pixels, in tables of a limited size. */
function* tapsOf(
  size: number,
  toSize: number,
  { support, weight }: Filter,
): Generator<Taps & { readonly start: number }> {
  const scale = size / toSize;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const inverse = 1 / stretch;
  const most = Math.min(size, 2 * Math.ceil(reach) + 1);
  const count = Math.max(1, Math.min(toSize, Math.floor(MAX_WEIGHTS / most)));
  const exact = new Float64Array(most);
  for (let start = 0; start < toSize; start += count) {
    const end = Math.min(start + count, toSize);
    const firsts = new Int32Array(end - start);
    const begins = new Int32Array(end - start + 1);
    const weights = new Int32Array((end - start) * most);
    for (let i = start, at = 0; i < end; i++) {
      const center = (i + 0.5) * scale;
      const first = Math.max(0, Math.trunc(center - reach + 0.5));
      const taps = Math.min(size, Math.trunc(center + reach + 0.5)) - first;
      let sum = 0;
      for (let t = 0; t < taps; t++) {
        exact[t] = weight((t + first - center + 0.5) * inverse);
        sum += exact[t] as number;
      }
      for (let t = 0; t < taps; t++) {
        const w = (sum === 0 ? (exact[t] as number) : (exact[t] as number) / sum) * 2 ** PRECISION_BITS;
        weights[at++] = w < 0 ? w - 0.5 : w + 0.5;
      }
      firsts[i - start] = first;
      begins[i - start + 1] = at;
    }
    yield { start, end, firsts, begins, weights };
  }
}

function resizeRows(pixels: Pixels, toWidth: number, filter: Filter): Pixels {
  const { height, channels } = pixels;
  const resized = packedPixels(new Uint8Array(height * toWidth * channels), height, toWidth, channels);
  const sumRows = channels === 3 ? sumRowsOfThree : sumRowsOfAny;
  for (const taps of tapsOf(pixels.width, toWidth, filter)) sumRows(pixels, resized, taps.start, taps);
  return resized;
}

/** The case of photographs: two rows at once, whose six sums stay in registers and share the loads of weights. */
function sumRowsOfThree(pixels: Pixels, resized: Pixels, start: number, { end, firsts, begins, weights }: Taps): void {
  const { data, height, offset, rowStride, pixelStride } = pixels;
  const to = resized.data;
  for (let y = 0; y < height; y += 2) {
    // The last of an odd number of rows is its own partner.
    const partner = Math.min(y + 1, height - 1);
    const row = offset + y * rowStride;
    const toPartner = (partner - y) * rowStride;
    let out = y * resized.rowStride + 3 * start;
    const outPartner = (partner - y) * resized.rowStride;
    for (let i = 0; i < end - start; i++) {
      let at = row + (firsts[i] as number) * pixelStride;
      const last = begins[i + 1] as number;
      let [a0, a1, a2, b0, b1, b2] = [HALF, HALF, HALF, HALF, HALF, HALF];
      for (let t = begins[i] as number; t < last; t++) {
        const weight = weights[t] as number;
        const partnerAt = at + toPartner;
        a0 = (a0 + Math.imul(weight, data[at] as number)) | 0;
        a1 = (a1 + Math.imul(weight, data[at + 1] as number)) | 0;
        a2 = (a2 + Math.imul(weight, data[at + 2] as number)) | 0;
        b0 = (b0 + Math.imul(weight, data[partnerAt] as number)) | 0;
        b1 = (b1 + Math.imul(weight, data[partnerAt + 1] as number)) | 0;
        b2 = (b2 + Math.imul(weight, data[partnerAt + 2] as number)) | 0;
        at += pixelStride;
      }
      to[out] = clip(a0);
      to[out + 1] = clip(a1);
      to[out + 2] = clip(a2);
      to[out + outPartner] = clip(b0);
      to[out + outPartner + 1] = clip(b1);
      to[out + outPartner + 2] = clip(b2);
      out += 3;
    }
  }
}

function sumRowsOfAny(pixels: Pixels, resized: Pixels, start: number, { end, firsts, begins, weights }: Taps): void {
  const { data, height, channels, offset, rowStride, pixelStride } = pixels;
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < end - start; i++) {
      for (let c = 0; c < channels; c++) {
        let at = offset + y * rowStride + (firsts[i] as number) * pixelStride + c;
        let sum = HALF;
        for (let t = begins[i] as number; t < (begins[i + 1] as number); t++) {
          sum = (sum + Math.imul(weights[t] as number, data[at] as number)) | 0;
          at += pixelStride;
        }
        resized.data[y * resized.rowStride + (start + i) * channels + c] = clip(sum);
      }
    }
  }
}

function resizeColumns(pixels: Pixels, toHeight: number, filter: Filter): Pixels {
  const { data, width, channels, offset, rowStride } = packed(pixels);
  const length = width * channels;
  const resized = new Uint8Array(toHeight * length);
  const sums = new Int32Array(length);
  for (const { start, end, firsts, begins, weights } of tapsOf(pixels.height, toHeight, filter)) {
    for (let i = 0; i < end - start; i++) {
      sums.fill(HALF);
      let at = offset + (firsts[i] as number) * rowStride;
      for (let t = begins[i] as number; t < (begins[i + 1] as number); t++) {
        const weight = weights[t] as number;
        for (let x = 0; x < length; x++) {
          sums[x] = ((sums[x] as number) + Math.imul(weight, data[at + x] as number)) | 0;
        }
        at += rowStride;
      }
      const out = (start + i) * length;
      for (let x = 0; x < length; x++) resized[out + x] = clip(sums[x] as number);
    }
  }
  return packedPixels(resized, toHeight, width, channels);
}

function clip(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function resizeNearest(pixels: Pixels, toHeight: number, toWidth: number): Pixels {
  const { data, height, width, channels, offset, rowStride, pixelStride } = pixels;
  const resized = new Uint8Array(toHeight * toWidth * channels);
  const columns = nearestOf(width, toWidth);
  const rows = nearestOf(height, toHeight);
  for (let y = 0; y < toHeight; y++) {
    for (let x = 0; x < toWidth; x++) {
      const [fromY, fromX] = [rows[y] as number, columns[x] as number];
      if (fromY >= height || fromX >= width) continue;
      const from = offset + fromY * rowStride + fromX * pixelStride;
      for (let c = 0; c < channels; c++) resized[(y * toWidth + x) * channels + c] = data[from + c] as number;
    }
  }
  return packedPixels(resized, toHeight, toWidth, channels);
}

/** Source positions, summed step by step as Pillow does: the last may round beyond the image, whose pixel stays 0. */
function nearestOf(size: number, toSize: number): Int32Array {
  const scale = size / toSize;
  let position = scale * 0.5;
  return Int32Array.from({ length: toSize }, () => {
    const at = Math.trunc(position);
    position += scale;
    return at;
  });
}

/** The same pixels without other channels between them. */
export function packed(pixels: Pixels): Pixels {
  const { data, height, width, channels, offset, rowStride, pixelStride } = pixels;
  if (pixelStride === channels) return pixels;
  const whole = packedPixels(new Uint8Array(height * width * channels), height, width, channels);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0, from = offset + y * rowStride; x < width; x++, from += pixelStride) {
      for (let c = 0; c < channels; c++) whole.data[to++] = data[from + c] as number;
    }
  }
  return whole;
}
