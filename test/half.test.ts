import { describe, expect, it } from 'vitest';
import {
  bfloat16ToNumber,
  float16ToNumber,
  numberToBfloat16,
  numberToFloat16,
  roundToBfloat16,
  roundToFloat16,
} from '../src/tensor/half.js';

describe.each([
  ['float16', float16ToNumber, numberToFloat16, roundToFloat16],
  ['bfloat16', bfloat16ToNumber, numberToBfloat16, roundToBfloat16],
] as const)('%s', (_, decode, encode, round) => {
  it('survives decoding and encoding, all 65,536 bit patterns', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = decode(bits);
      if (Number.isNaN(value)) expect(decode(encode(value))).toBeNaN();
      else expect(encode(value)).toBe(bits);
    }
  });

  it('rounds to nearest, ties to even, between every two neighbours', () => {
    for (let bits = 0; decode(bits + 1) < Number.POSITIVE_INFINITY; bits++) {
      const [low, high] = [decode(bits), decode(bits + 1)];
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? low : high;
      expect([round(middle), round(-middle)]).toEqual([even, -even]);
      expect(round(middle - (high - low) / 1024)).toBe(low);
      expect(round(middle + (high - low) / 1024)).toBe(high);
    }
  });

  it('overflows to infinity half a step beyond its largest number', () => {
    const max = round(_ === 'float16' ? 65504 : 3.3895313892515355e38);
    const half = _ === 'float16' ? 16 : 2 ** 119;
    expect(round(max + half * 0.99)).toBe(max);
    expect(round(max + half)).toBe(Number.POSITIVE_INFINITY);
    expect(round(-max - half)).toBe(Number.NEGATIVE_INFINITY);
  });
});
