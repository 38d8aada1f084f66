/** A binary format narrower than float32, and how numbers are brought into it. */
export interface FloatFormat {
  /** Explicit bits of the fraction. */
  readonly fractionBits: number;
  /** Exponent of the smallest normal number. */
  readonly minExponent: number;
  /** Largest finite number. */
  readonly max: number;
  /** What larger numbers become. */
  readonly overflow: number;
  /** Bits that do not fit are cut off instead of rounded to nearest, ties to even. */
  readonly isCut?: true;
}

const FLOAT32_FRACTION_BITS = 23;

export const BFLOAT16: FloatFormat = {
  fractionBits: 7,
  minExponent: -126,
  max: (2 - 2 ** -7) * 2 ** 127,
  overflow: Number.POSITIVE_INFINITY,
};
export const FLOAT16: FloatFormat = {
  fractionBits: 10,
  minExponent: -14,
  max: 65504,
  overflow: Number.POSITIVE_INFINITY,
};
/**
 * float32 with 10 explicit bits; tensor cores take float32 registers and ignore the 13 bits below. Source: PTX ISA,
 * `mma` with `.tf32`; Triton's `tl.dot` hands them over as they are.
 */
export const TF32: FloatFormat = {
  fractionBits: 10,
  minExponent: -126,
  max: (2 - 2 ** -10) * 2 ** 127,
  overflow: Number.POSITIVE_INFINITY,
  isCut: true,
};
/** No infinities: what exceeds 448 is NaN. Source: Micikevicius et al. 2022, "FP8 Formats for Deep Learning"; PyTorch's cast. */
export const FLOAT8_E4M3FN: FloatFormat = { fractionBits: 3, minExponent: -6, max: 448, overflow: Number.NaN };
/** Source: likewise. */
export const FLOAT8_E5M2: FloatFormat = {
  fractionBits: 2,
  minExponent: -14,
  max: 57344,
  overflow: Number.POSITIVE_INFINITY,
};

const one = new Float32Array(1);

/** `value`, rounded to float32 first, in `format`; float32 itself where there is none. */
export function roundTo(format: FloatFormat | undefined, value: number): number {
  one[0] = value;
  if (format) roundInPlace(format, one);
  return one[0];
}

/** Brings every element into `format`. */
export function roundInPlace(format: FloatFormat, x: Float32Array): void {
  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length);
  const dropped = FLOAT32_FRACTION_BITS - format.fractionBits;
  const kept = ~((1 << dropped) - 1);
  const half = (1 << (dropped - 1)) - 1;
  const minNormal = 2 ** format.minExponent;
  // Adding 1.5 · 2²³ quanta and taking them away leaves a multiple of the quantum, rounded to even.
  const shifter = 1.5 * 2 ** (FLOAT32_FRACTION_BITS + format.minExponent - format.fractionBits);
  const hasOwnSubnormals = format.minExponent > -126;
  for (let i = 0; i < x.length; i++) {
    const value = x[i] as number;
    if (!(Math.abs(value) < Number.POSITIVE_INFINITY)) {
      if (Number.isNaN(format.overflow)) x[i] = Number.NaN;
      continue;
    }
    if (hasOwnSubnormals && Math.abs(value) < minNormal) {
      const rounded = Math.fround(Math.fround(value + shifter) - shifter);
      x[i] = rounded === 0 ? value * 0 : rounded;
      continue;
    }
    const own = bits[i] as number;
    bits[i] = format.isCut ? own & kept : (own + half + ((own >>> dropped) & 1)) & kept;
    if (Math.abs(x[i] as number) > format.max) x[i] = Math.sign(value) * format.overflow;
  }
}
