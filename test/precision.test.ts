import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CaseActuals, checkCase, type Precision } from '../src/oracle/index.js';
import { ROUNDINGS } from '../src/oracle/precision.js';
import { float64Tensor, type Tensor, toFloat64 } from '../src/tensor/tensor.js';
import { attentionArgsOf, type GoldenCase, goldenCases, tensorOf } from './support/golden.js';

const DTYPES: Record<string, Precision> = { f32: 'tf32', bf16: 'bfloat16', f16: 'float16' };
const dtypeOf = ({ params }: GoldenCase) => DTYPES[params.dtype as string] as Precision;

function tritonOf(golden: GoldenCase, names: readonly string[]): CaseActuals {
  return Object.fromEntries(names.map((name) => [name, tensorOf(golden, `${name}_triton`)]));
}

function times(tensor: Tensor, factor: number): Tensor<Float64Array> {
  return float64Tensor(
    tensor.dims,
    toFloat64(tensor).map((value) => value * factor),
  );
}

describe("the report's Triton kernels", () => {
  const cases = goldenCases('triton');
  const withGradients = (golden: GoldenCase) => ({ ...attentionArgsOf(golden), dO: tensorOf(golden, 'dO') });

  it.each(cases)('pass in o, dV and dBias at their own precision: $name', (golden) => {
    const dtype = dtypeOf(golden);
    const report = checkCase(withGradients(golden), tritonOf(golden, ['o', 'dV', 'dBias']), { dtype });
    expect(Object.entries(report.tensors).filter(([, { pass }]) => !pass)).toEqual([]);
    // The emulation rounds as the kernel does, not just as much.
    expect(report.tensors.o?.ratio).toBeCloseTo(1, 2);
    expect(report.tensors.dV?.ratio).toBeCloseTo(1, 2);
  });

  it.each(cases)('leave the scale out of dQ and dK: $name', (golden) => {
    const dtype = dtypeOf(golden);
    const inputs = withGradients(golden);
    const { dQ, dK } = checkCase(inputs, tritonOf(golden, ['dQ', 'dK']), { dtype }).tensors;
    expect([dQ?.pass, dK?.pass]).toEqual([false, false]);
    const scale = golden.params.scale as number;
    const scaled = {
      dQ: times(tensorOf(golden, 'dQ_triton'), scale),
      dK: times(tensorOf(golden, 'dK_triton'), scale),
    };
    expect(checkCase(inputs, scaled, { dtype }).pass).toBe(true);
  });

  it.each(cases.filter(({ params }) => params.dtype === 'f32'))('are no float32 kernels: $name', (golden) => {
    expect(checkCase(withGradients(golden), tritonOf(golden, ['o'])).pass).toBe(false);
  });

  it.each(goldenCases('cosine').filter(({ tensors }) => tensors.o_triton))(
    'pass in cosine attention: $name',
    (golden) => {
      const report = checkCase(attentionArgsOf(golden), tritonOf(golden, ['o']), { dtype: dtypeOf(golden) });
      expect(report.pass).toBe(true);
    },
  );
});

describe('rounding', () => {
  it('to tf32 cuts what 10 explicit bits cannot hold', () => {
    const { operand } = ROUNDINGS.tf32;
    expect([1 + 2 ** -10, 1 + 2 ** -11, -(1 + 2 ** -10 + 2 ** -11), 0, Infinity].map(operand)).toEqual([
      1 + 2 ** -10,
      1,
      -(1 + 2 ** -10),
      0,
      Infinity,
    ]);
    expect(operand(Number.NaN)).toBeNaN();
  });

  it('keeps what it has rounded, in every precision', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.constantFrom(...Object.values(ROUNDINGS)), (x, rounding) => {
        for (const round of [rounding.input, rounding.operand, rounding.output, rounding.arithmetic]) {
          expect(round(round(x))).toBe(round(x));
        }
      }),
    );
  });
});
