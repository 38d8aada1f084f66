import { crc32, deflateSync } from 'node:zlib';

export interface PngLayout {
  readonly width: number;
  readonly height: number;
  readonly colorType: number;
  readonly depth?: number;
}

/** A PNG file of any claims: `rows` as they are to inflate, `chunks` before the image data. */
export function png({ width, height, colorType, depth = 8 }: PngLayout, rows: Uint8Array, chunks: Uint8Array[] = []) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colorType], 8);
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return new Uint8Array(
    Buffer.concat([
      signature,
      chunk('IHDR', header),
      ...chunks,
      chunk('IDAT', deflateSync(rows, { level: 9 })),
      chunk('IEND', new Uint8Array()),
    ]),
  );
}

export function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const bytes = Buffer.alloc(body.length + 8);
  bytes.writeUInt32BE(data.length, 0);
  bytes.set(body, 4);
  bytes.writeUInt32BE(crc32(body) >>> 0, bytes.length - 4);
  return bytes;
}
