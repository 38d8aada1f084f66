import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../src/safetensors/index.js';
import { goldenCases } from './support/golden.js';

/** A file of this header (text, or an object to stringify) and this many bytes of data. */
function file(header: unknown, dataLength = 0, headerLength?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('readSafetensors', () => {
  it('reads every dtype', () => {
    const values = {
      F64: 1.5,
      F32: 1.5,
      I64: -2n,
      U64: 2n,
      I32: -3,
      U32: 3,
      F16: 0x3e00,
      BF16: 0x3fc0,
      I16: -4,
      U16: 4,
      I8: -5,
      U8: 5,
      BOOL: 1,
    };
    const view = new DataView(new ArrayBuffer(64));
    view.setFloat64(0, 1.5, true);
    view.setFloat32(8, 1.5, true);
    view.setBigInt64(12, -2n, true);
    view.setBigUint64(20, 2n, true);
    view.setInt32(28, -3, true);
    view.setUint32(32, 3, true);
    view.setUint16(36, 0x3e00, true);
    view.setUint16(38, 0x3fc0, true);
    view.setInt16(40, -4, true);
    view.setUint16(42, 4, true);
    view.setInt8(44, -5);
    view.setUint8(45, 5);
    view.setUint8(46, 1);
    let at = 0;
    const sizes = [8, 4, 8, 8, 4, 4, 2, 2, 2, 2, 1, 1, 1];
    const header = Object.keys(values).map((dtype, i) => {
      const begin = at;
      at += sizes[i] as number;
      return [dtype, { dtype, shape: [1], data_offsets: [begin, at] }];
    });
    const bytes = file(Object.fromEntries(header), at);
    bytes.set(new Uint8Array(view.buffer, 0, at), bytes.length - at);
    const { tensors } = readSafetensors(bytes);
    expect(Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data[0]]))).toEqual(values);
    expect(Object.values(tensors).map(({ type }) => type)).toEqual([
      'float64',
      'float32',
      'int64',
      'uint64',
      'int32',
      'uint32',
      'float16',
      'bfloat16',
      'int16',
      'uint16',
      'int8',
      'uint8',
      'bool',
    ]);
  });

  it('takes an empty file, metadata and tensors without elements', () => {
    expect(readSafetensors(file({}))).toEqual({ tensors: {}, metadata: {} });
    const { tensors, metadata } = readSafetensors(
      file({ __metadata__: { a: 'b' }, x: f32(0, 0, [0, 3]), y: f32(0, 4, []) }, 4),
    );
    expect(metadata).toEqual({ a: 'b' });
    expect(tensors.x?.dims).toEqual([0, 3]);
    expect(tensors.y).toEqual({ data: Float32Array.of(0), dims: [], type: 'float32' });
  });

  it('takes names that objects are born with', () => {
    const { tensors } = readSafetensors(
      file(
        '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"constructor":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}',
        1,
      ),
    );
    expect(Object.keys(tensors)).toEqual(['__proto__', 'constructor']);
  });

  it.each([
    ['an empty file', new Uint8Array(0), /at least 8 bytes .* got 0 bytes/],
    ['a truncated header', file({}, 0, 50), /a header of 50 bytes, got a file that ends after 2/],
    ['a header over 100 MB', file({}, 0, 100_000_001), /at most 100000000 bytes, got 100000001/],
    ['a header of 2⁶³ bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128), /at most 100000000 bytes/],
    ['a header that is no JSON', file('{"x"'), /a header of JSON/],
    ['a header that is no UTF-8', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), /a header of JSON in UTF-8/],
    ['a header that is an array', file([]), /a JSON object as header, got an array/],
    ['a header of null', file('null'), /a JSON object as header, got null/],
    [
      'a name twice',
      file(
        '{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0078":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      ),
      /each tensor once, got "x" twice/,
    ],
    ['truncated data', file({ x: f32(0, 8) }, 4), /"x" with data_offsets within the 4 bytes of data, got \[0, 8\]/],
    ['data beyond the last tensor', file({ x: f32(0, 4) }, 8), /4 bytes of data, got 8/],
    ['overlapping tensors', file({ x: f32(0, 8), y: f32(4, 12) }, 12), /"y" from byte 8 .*overlaps another tensor/],
    ['a hole', file({ x: f32(0, 4), y: f32(8, 12) }, 12), /"y" from byte 4 .*leaves a hole/],
    ['offsets backwards', file({ x: { dtype: 'F32', shape: [1], data_offsets: [4, 0] } }, 4), /got \[4, 0\]/],
    [
      'negative offsets',
      file({ x: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } }, 4),
      /data_offsets \[begin, end\], got \[-4,0\]/,
    ],
    ['a lying shape', file({ x: f32(0, 8, [3]) }, 8), /"x" of 12 bytes for shape \[3\] of F32, got 8 bytes/],
    ['a shape whose product overflows', file({ x: f32(0, 8, [2 ** 40, 2 ** 40]) }, 8), /"x" of a size that fits/],
    ['a shape that is negative', file({ x: f32(0, 8, [-2]) }, 8), /shape of integers ≥ 0, got \[-2\]/],
    [
      'an unknown dtype',
      file({ x: { dtype: 'F8', shape: [1], data_offsets: [0, 1] } }, 1),
      /"x" of dtype BOOL, .* got "F8"/,
    ],
    ['a tensor that is null', file({ x: null }), /"x" of dtype/],
    ['metadata that is no map of strings', file({ __metadata__: { a: 1 } }), /__metadata__ of strings/],
  ])('refuses %s', (_, bytes, text) => {
    expect(() => readSafetensors(bytes)).toThrow(RangeError);
    expect(() => readSafetensors(bytes)).toThrow(text);
  });

  it('throws nothing but RangeError on damaged files', () => {
    const good = writeSafetensors(
      { a: { data: Float32Array.of(1, 2), dims: [2] }, b: { data: Uint8Array.of(3), dims: [1] } },
      { k: 'v' },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(good.length),
        (changes, length) => {
          const bytes = good.slice(0, length);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            readSafetensors(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('reads tensors that are not aligned in a Buffer, and bytes of another realm', () => {
    const bytes = writeSafetensors({ a: { data: Float32Array.of(1, 2), dims: [2] } });
    const around = Buffer.alloc(bytes.length + 3);
    around.set(bytes, 3);
    const buffer = around.subarray(3);
    expect(readSafetensors(buffer).tensors.a?.data).toEqual(Float32Array.of(1, 2));
    const foreign = runInNewContext(`Uint8Array.from([${[...bytes]}])`);
    expect(foreign instanceof Uint8Array).toBe(false);
    expect(readSafetensors(foreign).tensors.a?.data).toEqual(Float32Array.of(1, 2));
    expect(readSafetensors(foreign.buffer).tensors.a?.data).toEqual(Float32Array.of(1, 2));
  });

  it('reads names and metadata of 10 MB', () => {
    const long = `"\\${'x'.repeat(10_000_000)}`;
    const bytes = writeSafetensors({ [long]: { data: Uint8Array.of(7), dims: [1] } }, { [long]: long });
    const { tensors, metadata } = readSafetensors(bytes);
    expect([Object.keys(tensors)[0] === long, metadata[long] === long]).toEqual([true, true]);
  });

  it('ignores keys of a tensor that it does not know', () => {
    const entry = '"x":{"a":[{"b":"}\\""},-1.5e3,null],"dtype":"U8","c":{},"shape":[ 1 ],"data_offsets":[0,1]}';
    expect(readSafetensors(file(`{${entry}} `, 1)).tensors.x?.dims).toEqual([1]);
  });

  it.each([
    ['tensors without anything', (text: string) => `{"x":[${text}]}`],
    ['a key that nobody knows', (text: string) => `{"x":{"y":[${text}]}}`],
    ['metadata', (text: string) => `{"__metadata__":{"x":[${text}]}}`],
    ['a list', (text: string) => `[${text}]`],
  ])('refuses 99 MB of {} in %s within seconds', (_, header) => {
    const bytes = file(header(`${'{},'.repeat(33_000_000 - 10)}{}`));
    // Processor time: a machine with other work takes longer.
    const start = process.cpuUsage();
    expect(() => readSafetensors(bytes)).toThrow(RangeError);
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(10);
  });

  it('agrees with JSON.parse on what is JSON', () => {
    const text = fc.array(
      fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '"', '\\', '1', '-0.5e1', 'null', ' ', 'x'),
    );
    const parsed = (json: string) => {
      try {
        return JSON.parse(json) as Record<string, object>;
      } catch {
        return undefined;
      }
    };
    fc.assert(
      fc.property(text, (parts) => {
        const header = `{"x":{"y":${parts.join('')},"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`;
        const read = () => readSafetensors(file(header));
        const json = parsed(header);
        if (!json) {
          expect(read).toThrow(RangeError);
          return;
        }
        // Parts that end the value and begin other keys are another header, which may be refused for these.
        fc.pre(Object.keys(json).join() === 'x' && Object.keys(json.x ?? {}).join() === 'y,dtype,shape,data_offsets');
        expect(read).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses what is no bytes', () => {
    expect(() => readSafetensors('x' as unknown as Uint8Array)).toThrow(
      /"bytes" expected a Uint8Array or ArrayBuffer, got "x"/,
    );
  });
});

describe('writeSafetensors', () => {
  it('is undone by reading', () => {
    const arrays = fc.oneof(
      fc.float32Array().map((data) => ({ data, type: 'float32' })),
      fc.float64Array().map((data) => ({ data, type: 'float64' })),
      fc.uint16Array().map((data) => ({ data, type: 'bfloat16' })),
      fc.uint8Array().map((data) => ({ data, type: 'uint8' })),
      fc.bigInt64Array().map((data) => ({ data, type: 'int64' })),
    );
    const names = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');
    fc.assert(
      fc.property(fc.dictionary(names, arrays), fc.dictionary(names, fc.string()), (contents, metadata) => {
        const tensors = Object.fromEntries(
          Object.entries(contents).map(([name, { data, type }]) => [name, { data, type, dims: [data.length] }]),
        );
        const back = readSafetensors(writeSafetensors(tensors, metadata));
        expect({ ...back.tensors }).toEqual({ ...tensors });
        expect({ ...back.metadata }).toEqual({ ...metadata });
      }),
    );
  });

  it('keeps a tensor and metadata named __proto__', () => {
    const named = <T>(value: T) => Object.fromEntries([['__proto__', value]]);
    const { tensors, metadata } = readSafetensors(
      writeSafetensors(named({ data: Uint8Array.of(5), dims: [1] }), named('text')),
    );
    expect([Object.keys(tensors), Object.entries(metadata)]).toEqual([['__proto__'], [['__proto__', 'text']]]);
  });

  it('gives golden files back', () => {
    const [first] = goldenCases('core');
    const { tensors } = readSafetensors(writeSafetensors(first?.tensors ?? {}));
    expect({ ...tensors }).toEqual(first?.tensors);
  });

  it('refuses what it cannot store', () => {
    const data = Float32Array.of(1, 2);
    expect(() => writeSafetensors({ x: { data, dims: [3] } })).toThrow(
      /tensors\["x"\].data" expected 3 elements .* got 2/,
    );
    expect(() => writeSafetensors({ x: { data, dims: [2], type: 'float64' } })).toThrow(
      /an array that holds its type, got Float32Array with type "float64"/,
    );
    expect(() => writeSafetensors({ x: { data: [1, 2], dims: [2] } })).toThrow(TypeError);
    expect(() => writeSafetensors({ __metadata__: { data, dims: [2] } })).toThrow(/names of tensors/);
    const empty = new Float32Array();
    for (const [values, dims] of [
      [Float32Array.of(1), [-1, -1] as unknown[]],
      [Float32Array.of(1), [0.5, 2]],
      [data, ['2']],
      [empty, [0, 2 ** 53]],
    ] as const) {
      expect(() => writeSafetensors({ x: { data: values, dims: dims as never } })).toThrow(/dims" expected integers/);
    }
    for (const metadata of [['a'], 'a', null]) {
      expect(() => writeSafetensors({}, metadata as never)).toThrow(/"metadata" expected an object of strings/);
    }
    expect(() => writeSafetensors({}, { a: 1 as unknown as string })).toThrow(
      /metadata\["a"\]" expected a string, got 1/,
    );
  });
});
