// IEEE 754 binary16 and bfloat16, as bits. Every conversion rounds once, to nearest even, from float64.

const bits64 = new DataView(new ArrayBuffer(8));
const float32 = new Float32Array(1);
const bits32 = new Uint32Array(float32.buffer);

/** The value of binary16 bits. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The value of bfloat16 bits. */
export function bfloat16ToNumber(bits: number): number {
  bits32[0] = bits << 16;
  return float32[0] as number;
}

/** `value` rounded to the nearest number with `precision` significant bits and exponents from `minExponent`. */
export function roundToPrecision(value: number, precision: number, minExponent: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const quantum = 2 ** (Math.max(exponentOf(value), minExponent) - precision + 1);
  const magnitude = roundHalfToEven(Math.abs(value) / quantum) * quantum;
  return value < 0 ? -magnitude : magnitude;
}

/** Nearest binary16 value: 11 significant bits, subnormals down to 2⁻²⁴, overflow to infinity. */
export function roundToFloat16(value: number): number {
  const rounded = roundToPrecision(value, 11, -14);
  return Math.abs(rounded) > 65504 ? Math.sign(value) * Number.POSITIVE_INFINITY : rounded;
}

/** Nearest bfloat16 value: 8 significant bits over float32's exponents. */
export function roundToBfloat16(value: number): number {
  return Math.fround(roundToPrecision(value, 8, -126));
}

/** Bits of the nearest binary16 value. */
export function numberToFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(roundToFloat16(value));
  if (Number.isNaN(magnitude)) return 0x7e00;
  if (magnitude === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const exponent = exponentOf(magnitude);
  return sign | ((exponent + 15) << 10) | (magnitude * 2 ** (10 - exponent) - 1024);
}

/** Bits of the nearest bfloat16 value. */
export function numberToBfloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  float32[0] = roundToBfloat16(value);
  return (bits32[0] as number) >>> 16;
}

/** floor(log2 |value|) of a finite, non-zero float64; subnormals count as 2⁻¹⁰²². */
function exponentOf(value: number): number {
  bits64.setFloat64(0, value);
  return Math.max((bits64.getUint16(0) >> 4) & 0x7ff, 1) - 1023;
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const remainder = value - floor;
  if (remainder !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
