import { readdirSync, readFileSync } from 'node:fs';
import { deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../src/image/index.js';
import { readSafetensors } from '../src/safetensors/index.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { CMYK_JPEGS } from './support/cmykJpegs.js';
import { chunk, png } from './support/png.js';

const FILES = new URL('golden/images/files/', import.meta.url);
const names = readdirSync(FILES);
const file = (name: string): Uint8Array => readFileSync(new URL(name, FILES));
const { tensors } = readSafetensors(readFileSync(new URL('golden/images/images.safetensors', import.meta.url)));

describe('decodeImage', () => {
  it.each(names)('decodes %s as Pillow does', async (name) => {
    const { data: expected, dims } = tensors[name] as Tensor<Uint8Array>;
    const [height, width] = dims as [number, number];
    const image = await decodeImage(file(name));
    expect([image.width, image.height, image.data.length]).toEqual([width, height, 4 * width * height]);
    const errors = Array.from(expected, (value, i) =>
      Math.abs(value - (image.data[4 * Math.floor(i / 3) + (i % 3)] as number)),
    );
    // jpeg-js, which CMYK takes, rounds its cosine transform otherwise than libjpeg.
    expect(Math.max(...errors)).toBeLessThanOrEqual(name === 'jpeg-cmyk.jpg' ? 1 : 0);
  });

  it.each(Object.entries(CMYK_JPEGS))('decodes CMYK of %s as Pillow does', async (_, { file: text, rgb }) => {
    const { data } = await decodeImage(Uint8Array.from(Buffer.from(text, 'base64')));
    const errors = [...inflateSync(Buffer.from(rgb, 'base64'))].map((value, i) => {
      return Math.abs(value - (data[4 * Math.floor(i / 3) + (i % 3)] as number));
    });
    expect(errors.length).toBe(3 * 21 * 21);
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThanOrEqual(0.25);
    expect(Math.max(...errors)).toBeLessThanOrEqual(4);
  });

  it("takes an unknown transform of Adobe's for YCCK, as libjpeg does", async () => {
    const bytes = Uint8Array.from(Buffer.from(CMYK_JPEGS['4:2:0, YCCK']?.file as string, 'base64'));
    const expected = await decodeImage(bytes);
    // SOI, then APP14: marker, length, `Adobe`, version, flags, transform.
    expect(bytes[17]).toBe(2);
    for (const transform of [1, 7]) {
      bytes[17] = transform;
      expect(await decodeImage(bytes)).toEqual(expected);
    }
  });

  it('gives gray where a JPEG claims more rows than its scan has, as Pillow does', async () => {
    const bytes = file('jpeg-444.jpg');
    const { data, width, height } = await decodeImage(bytes);
    const more = await decodeImage(resized(bytes, width, height + 64));
    expect(more.height).toBe(height + 64);
    expect(more.data.subarray(0, data.length)).toEqual(data);
    expect(new Set(more.data.subarray(4 * width * (height + 32)))).toEqual(new Set([128, 255]));
    // jpeg-js decodes CMYK, and refuses.
    await expect(decodeImage(resized(file('jpeg-cmyk.jpg'), width, height + 64))).rejects.toThrow(/intact JPEG/);
  });

  it('takes an ArrayBuffer, and a view with bytes around it', async () => {
    const bytes = file('jpeg-420.jpg');
    const expected = await decodeImage(bytes);
    const around = new Uint8Array(bytes.length + 10);
    around.set(bytes, 5);
    expect(await decodeImage(around.subarray(5, 5 + bytes.length))).toEqual(expected);
    expect(await decodeImage(new Uint8Array(bytes).buffer)).toEqual(expected);
  });

  it('keeps the bytes as they were, and concurrent calls apart', async () => {
    const inputs = names.map(file);
    const alone = [];
    for (const bytes of inputs) alone.push(await decodeImage(bytes));
    expect(await Promise.all(inputs.map((bytes) => decodeImage(bytes)))).toEqual(alone);
    expect(inputs).toEqual(names.map(file));
  });

  it('gives alpha where a file has it', async () => {
    const rows = Uint8Array.of(0, 10, 20, 30, 40, 50, 60, 70, 80);
    const rgba = png({ width: 2, height: 1, colorType: 6 }, rows);
    expect([...(await decodeImage(rgba)).data]).toEqual([10, 20, 30, 40, 50, 60, 70, 80]);
    const palette = chunk('PLTE', Uint8Array.of(1, 2, 3, 4, 5, 6));
    const indexed = png({ width: 2, height: 1, colorType: 3 }, Uint8Array.of(0, 1, 0), [
      palette,
      chunk('tRNS', Uint8Array.of(9)),
    ]);
    expect([...(await decodeImage(indexed)).data]).toEqual([4, 5, 6, 255, 1, 2, 3, 9]);
  });
});

describe('decodeImage refuses', () => {
  const refusal = (bytes: Uint8Array, options = {}) =>
    decodeImage(bytes, options).then(
      () => 'decoded',
      (error: Error) => (error instanceof RangeError ? error.message : error),
    );
  const rows8 = new Uint8Array(8 * 25);

  it.each([
    ['no bytes', new Uint8Array(), 'no bytes'],
    ['another format', new TextEncoder().encode('GIF89a..'), 'begins with bytes 47 49 46'],
    ['pixels without a palette', png({ width: 1, height: 1, colorType: 3 }, Uint8Array.of(0, 0)), 'a palette'],
    ['an unknown colour type', png({ width: 8, height: 8, colorType: 5 }, rows8), 'colour type'],
    ['three bits a sample', png({ width: 8, height: 8, colorType: 2, depth: 3 }, rows8), 'colour type'],
    ['a width of 0', png({ width: 0, height: 8, colorType: 2 }, rows8), '0 × 8'],
    ['missing rows', png({ width: 8, height: 8, colorType: 2 }, rows8.subarray(0, 75)), 'damaged image data'],
    ['rows that no deflate could make', png({ width: 3_000_000, height: 1, colorType: 2 }, rows8), '3000000 × 1'],
    [
      'more pixels than allowed',
      png({ width: 20_000, height: 20_000, colorType: 0, depth: 1 }, new Uint8Array(20_000 * 2501)),
      'at most 100000000',
    ],
    ['a PNG that ends early', file('png-type2-depth8.png').subarray(0, 300), 'IEND|IDAT'],
    ['a JPEG that ends early', file('jpeg-420.jpg').subarray(0, 1200), 'end marker'],
    ['a WebP that ends early', file('webp-lossy.webp').subarray(0, 300), 'WebP'],
    ['a JPEG too short for its size', resized(file('jpeg-420.jpg'), 0xffff, 1500), 'bytes or more for 65535 × 1500'],
  ])('%s', async (_, bytes, expected) => {
    expect(await refusal(bytes)).toMatch(new RegExp(expected));
  });

  it('a PNG with a bit of any chunk flipped, by the name of the chunk', async () => {
    const text = new TextEncoder().encode('Comment\0a photograph');
    const bytes = png({ width: 2, height: 3, colorType: 3 }, Uint8Array.of(0, 0, 1, 0, 1, 0, 0, 0, 0), [
      chunk('gAMA', Uint8Array.of(0, 0, 0xb1, 0x8f)),
      chunk('PLTE', Uint8Array.of(1, 2, 3, 4, 5, 6)),
      chunk('tRNS', Uint8Array.of(9)),
      chunk('tEXt', text),
      chunk('eXIf', file('jpeg-420.jpg').subarray(0, 20)),
    ]);
    expect(await refusal(bytes)).toBe('decoded');
    const view = new DataView(bytes.buffer);
    const seen: string[] = [];
    for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
      const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      seen.push(name);
      const end = at + 12 + view.getUint32(at);
      // Its data and its CRC; flips of its length and its name are told by whatever is then in their place.
      for (let bit = 8 * (at + 8); bit < 8 * end; bit++) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(await refusal(flipped), `bit ${bit} of ${name}`).toMatch(
          new RegExp(`CRC [0-9a-f]{8} of PNG chunk "${name}", got [0-9a-f]{8}`),
        );
      }
      for (let bit = 8 * at; bit < 8 * (at + 8); bit++) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(await refusal(flipped), `bit ${bit} of ${name}`).toMatch(/"bytes" expected/);
      }
    }
    expect(seen).toEqual(['IHDR', 'gAMA', 'PLTE', 'tRNS', 'tEXt', 'eXIf', 'IDAT', 'IEND']);
  });

  it('an animation', async () => {
    const bytes = file('webp-lossless.webp');
    const animated = new Uint8Array(30);
    animated.set(bytes.subarray(0, 12));
    animated.set(new TextEncoder().encode('VP8X'), 12);
    animated.set([10, 0, 0, 0, 2], 16);
    expect(await refusal(animated)).toMatch('animation');
  });

  it('what inflates to far more than the image, before it inflates', async () => {
    const bomb = png({ width: 8, height: 8, colorType: 6 }, new Uint8Array(100_000_000));
    const start = process.cpuUsage();
    expect(await refusal(bomb)).toMatch('image data at most');
    expect(process.cpuUsage(start).user).toBeLessThan(500_000);
  });

  it('never inflates a text or a colour profile', async () => {
    const profile = Uint8Array.of(...new TextEncoder().encode('x'), 0, 0, ...deflateSync(new Uint8Array(50_000_000)));
    const bytes = png({ width: 1, height: 1, colorType: 2 }, Uint8Array.of(0, 1, 2, 3), [
      chunk('iCCP', profile),
      chunk('zTXt', profile),
    ]);
    const start = process.cpuUsage();
    expect([...(await decodeImage(bytes)).data]).toEqual([1, 2, 3, 255]);
    expect(process.cpuUsage(start).user).toBeLessThan(500_000);
  });

  it('more pixels than the option says, and no fewer', async () => {
    for (const name of ['png-type2-depth8.png', 'jpeg-444.jpg', 'jpeg-cmyk.jpg', 'webp-lossy.webp']) {
      const [height, width] = (tensors[name] as Tensor).dims as [number, number];
      expect(await refusal(file(name), { maxPixels: width * height })).toBe('decoded');
      expect(await refusal(file(name), { maxPixels: width * height - 1 })).toMatch('(maxPixels)');
    }
  });

  it('wrong arguments with a TypeError', async () => {
    await expect(decodeImage('photo.jpg' as never)).rejects.toThrow(/"bytes" expected a Uint8Array/);
    await expect(decodeImage(new Uint16Array(4) as never)).rejects.toThrow(TypeError);
    await expect(decodeImage(file('jpeg-420.jpg'), { maxPixel: 1 } as never)).rejects.toThrow(
      /"maxPixel": did you mean maxPixels/,
    );
    await expect(decodeImage(file('jpeg-420.jpg'), { maxPixels: 0.5 })).rejects.toThrow(
      /^"maxPixels" expected an integer/,
    );
  });

  it('any damage with a RangeError, and the next image is decoded right', async () => {
    const damage = fc.record({
      name: fc.constantFrom(...names),
      bytes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      kept: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    });
    const intact = await decodeImage(file('jpeg-420.jpg'));
    await fc.assert(
      fc.asyncProperty(damage, async ({ name, bytes, kept }) => {
        const damagedFile = file(name).slice(0, kept === null ? undefined : Math.floor(kept * file(name).length));
        for (const [at, value] of bytes) if (damagedFile.length > 0) damagedFile[at % damagedFile.length] = value;
        const refused = await refusal(damagedFile, { maxPixels: 1_000_000 });
        expect(refused).toBeTypeOf('string');
        expect(refused).not.toMatch(/unreachable|unwrap|memory access|exit\(/);
        expect(await decodeImage(file('jpeg-420.jpg'))).toEqual(intact);
      }),
    );
  });
});

/** A JPEG file whose frame claims another size. */
function resized(bytes: Uint8Array, width: number, height: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const frame = copy.findIndex((byte, i) => byte === 0xff && copy[i + 1] === 0xc0);
  new DataView(copy.buffer).setUint16(frame + 5, height);
  new DataView(copy.buffer).setUint16(frame + 7, width);
  return copy;
}
