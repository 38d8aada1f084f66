import { beforeAll, describe, expect, it } from 'vitest';
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../src/tensor/half.js';
import { randomNumbers } from './support/arbitraries.js';
import { compileKernel } from './support/compileKernel.js';

interface Exports {
  widenHalf(type: number, from: number, to: number, count: number): void;
  narrowHalf(type: number, from: number, to: number, count: number): void;
}

const HALVES = 4096;
const FLOATS = 16384;
const COUNT = 4096;

describe.each([
  ['float16', 1, float16ToNumber, numberToFloat16],
  ['bfloat16', 2, bfloat16ToNumber, numberToBfloat16],
] as const)('%s in the kernels', (_, type, decode, encode) => {
  let widen: (bits: Uint16Array) => Float32Array;
  let narrow: (values: Float32Array) => Uint16Array;
  beforeAll(async () => {
    const kernel = await compileKernel<Exports>('test/assembly/half.ts');
    const halves = new Uint16Array(kernel.memory.buffer, HALVES, COUNT);
    const floats = new Float32Array(kernel.memory.buffer, FLOATS, COUNT);
    widen = (bits) => {
      halves.set(bits);
      kernel.widenHalf(type, HALVES, FLOATS, bits.length);
      return floats.slice(0, bits.length);
    };
    narrow = (values) => {
      floats.set(values);
      kernel.narrowHalf(type, FLOATS, HALVES, values.length);
      return halves.slice(0, values.length);
    };
  });

  it('widens all 65,536 bit patterns exactly', () => {
    for (let first = 0; first < 65536; first += COUNT) {
      const bits = Uint16Array.from({ length: COUNT }, (_value, i) => first + i);
      expect(widen(bits)).toEqual(Float32Array.from(bits, decode));
    }
  });

  it('narrows to nearest even: every number, every midpoint, its neighbours, and random bits', () => {
    const next = randomNumbers(3);
    const check = (values: Float32Array) => expect(narrow(values)).toEqual(Uint16Array.from(values, encode));
    const neighbour = new DataView(new ArrayBuffer(4));
    const shifted = (value: number, steps: number) => {
      neighbour.setFloat32(0, value);
      neighbour.setInt32(0, neighbour.getInt32(0) + steps);
      return neighbour.getFloat32(0);
    };
    for (let first = 0; first < 32768; first += COUNT / 8) {
      const values = new Float32Array(COUNT);
      for (let i = 0; i < COUNT / 8; i++) {
        const [low, high] = [decode(first + i), decode(first + i + 1)];
        const middle = Number.isFinite(high) ? (low + high) / 2 : low;
        values.set([low, -low, middle, -middle, shifted(middle, 1), shifted(middle, -1), shifted(-middle, 1)], 8 * i);
        neighbour.setUint32(0, (next() * 2 ** 31) >>> 0);
        values[8 * i + 7] = neighbour.getFloat32(0);
      }
      check(values);
    }
    check(Float32Array.of(65519.996, 65520, -65520, 1e30, 3.4028235e38, Infinity, -Infinity, NaN));
  });
});
