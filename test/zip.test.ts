import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { writeNpy } from '../src/cli/npy.js';
import { tensorsOf } from '../src/cli/tensorBytes.js';
import { crc32 } from '../src/tensor/crc32.js';
import { float32Tensor } from '../src/tensor/tensor.js';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const npy = (length: number) => writeNpy('x', float32Tensor([length], new Float32Array(length).fill(0.5)));
const zip = (files: Record<string, Uint8Array>, level: 0 | 6 = 6) => zipSync(files, { level, mtime: '1980-01-01' });

/** The archive with fields of file `index` changed in its own header and in the directory, which have them at other places. */
function changed(archive: Uint8Array, index: number, fields: { crc?: number; packed?: number; size?: number }) {
  const bytes = archive.slice();
  const view = new DataView(bytes.buffer);
  for (const [signature, first] of [
    [LOCAL, 14],
    [CENTRAL, 16],
  ] as const) {
    const places = Array.from({ length: bytes.length - 4 }, (_, at) => at).filter(
      (at) => view.getUint32(at, true) === signature,
    );
    const at = (places[index] as number) + first;
    for (const [offset, value] of [fields.crc, fields.packed, fields.size].entries()) {
      if (value !== undefined) view.setUint32(at + 4 * offset, value, true);
    }
  }
  return bytes;
}

const read = (bytes: Uint8Array) => [...tensorsOf('x.npz', bytes).tensors].map(([name, { dims }]) => [name, ...dims]);

describe('an .npz file', () => {
  it('is read, stored or deflated, past files of other kinds', () => {
    const files = {
      'a.npy': npy(40_000),
      'readme.txt': new Uint8Array(100_000),
      'b.npy': npy(1),
      'empty.txt': npy(0).slice(0, 0),
    };
    for (const level of [0, 6] as const) {
      expect(read(zip(files, level))).toEqual([
        ['a', 40_000],
        ['b', 1],
      ]);
    }
  });

  it('may claim no size that deflate cannot make of its bytes', () => {
    const archive = changed(zip({ 'a.npy': npy(1000) }), 0, { size: 0xfffffff0 });
    expect(() => read(archive)).toThrow(
      /x\.npz: a\.npy expected at most \d+ bytes of \d+ deflated ones, got 4294967280/,
    );
  });

  it('may claim no size but the one that its array has', () => {
    const zeros = zip({ 'a.npy': npy(400_000) });
    const size = npy(400_000).length;
    for (const wrong of [size - 1, size + 1, size + 999]) {
      expect(() => read(changed(zeros, 0, { size: wrong }))).toThrow(
        `x.npz: a.npy expected ${size} bytes, as its first ones say, got ${wrong}`,
      );
    }
    expect(() => read(changed(zip({ 'a.npy': npy(100) }, 0), 0, { size: 900 }))).toThrow(
      /expected 5\d\d bytes, got 900/,
    );
  });

  it('unpacks no more than it claims, of arrays and of files that nobody reads', () => {
    const long = new Uint8Array([...npy(1000), ...new Uint8Array(1e6)]);
    const array = npy(1000);
    const claim = { size: array.length, crc: crc32(array) };
    expect(() => read(changed(zip({ 'a.npy': long }), 0, claim))).toThrow(/a\.npy expected \d+ bytes, got more/);
    const text = zip({ 'a.npy': npy(3), 'b.txt': new Uint8Array(1e6) });
    expect(() => read(changed(text, 1, { size: 1000 }))).toThrow(/b\.txt expected 1000 bytes, got more/);
    expect(() => read(changed(text, 1, { size: 1_000_001 }))).toThrow(/b\.txt expected 1000001 bytes, got 1000000/);
  });

  it('has the checksums of files that nobody reads compared, too', () => {
    for (const level of [0, 6] as const) {
      const archive = zip({ 'a.npy': npy(3), 'b.txt': new Uint8Array(70_000) }, level);
      expect(() => read(changed(archive, 1, { crc: 1 }))).toThrow(/b\.txt expected its checksum to match/);
    }
  });

  it('has bytes of its own for every file', () => {
    // One file's bytes within another's: a bomb of many names and few bytes.
    const inner = zip({ 'b.npy': npy(2) }, 0);
    const outer = zip({ 'a.npy': npy(2), 'c.txt': inner }, 0);
    const view = new DataView(outer.buffer);
    const places = Array.from({ length: outer.length - 4 }, (_, at) => at).filter(
      (at) => view.getUint32(at, true) === LOCAL,
    );
    expect(places).toHaveLength(3);
    const directory = Buffer.from(outer);
    const nested = Buffer.from(inner);
    const own = nested.subarray(
      nested.indexOf('PK\x01\x02', 0, 'latin1'),
      nested.lastIndexOf('PK\x05\x06', undefined, 'latin1'),
    );
    const entry = Buffer.from(own);
    entry.writeUInt32LE(places[2] as number, 42);
    const end = directory.lastIndexOf('PK\x05\x06', undefined, 'latin1');
    const tail = Buffer.from(directory.subarray(end));
    tail.writeUInt16LE(3, 8);
    tail.writeUInt16LE(3, 10);
    tail.writeUInt32LE(tail.readUInt32LE(12) + entry.length, 12);
    const bomb = Buffer.concat([directory.subarray(0, end), entry, tail]);
    expect(() => read(new Uint8Array(bomb))).toThrow(/b\.npy expected bytes of its own/);
  });
});
