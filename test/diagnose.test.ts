import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnose, toMatchWindowAttention } from '../src/oracle/index.js';
import { windowAttention } from '../src/reference/index.js';
import { roundToBfloat16, roundToFloat16 } from '../src/tensor/half.js';
import { float32Tensor, type Tensor } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { attentionArgsOf, goldenCases } from './support/golden.js';

/** A problem in plain numbers, and one way to read it. */
interface Problem {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly D: number;
  readonly nW: number;
  readonly q: Tensor<Float32Array>;
  readonly k: Tensor<Float32Array>;
  readonly v: Tensor<Float32Array>;
  readonly bias: Tensor<Float32Array>;
  readonly mask: Tensor<Float32Array>;
  readonly scale: number;
  readonly next: () => number;
}
type Inputs = Pick<Problem, 'q' | 'k' | 'v' | 'scale'> & { bias?: Tensor; mask?: Tensor };

const inputsOf = ({ q, k, v, bias, mask, scale }: Problem): Inputs => ({ q, k, v, bias, mask, scale });
const outputOf = (inputs: Inputs) => windowAttention(inputs).o.data;
const reindexed = (x: Tensor<Float32Array>, at: (i: number) => number, change = (value: number) => value) =>
  float32Tensor(
    x.dims,
    x.data.map((_, i) => change(x.data[at(i)] as number)),
  );
/** Adds −∞ where a key is out of reach. */
const masked = (p: Problem, isOut: (i: number, j: number) => boolean): Inputs => ({
  ...inputsOf(p),
  mask: float32Tensor(
    p.mask.dims,
    p.mask.data.map((m, at) => (isOut(Math.floor(at / p.L) % p.L, at % p.L) ? -Infinity : m)),
  ),
});
/** The mask of every window of the batch, as a kernel with a wrong index takes it. */
const maskBy = (p: Problem, windowOf: (b: number) => number): Inputs => ({
  ...inputsOf(p),
  mask: float32Tensor(
    [p.B, p.L, p.L],
    Float32Array.from({ length: p.B * p.L * p.L }, (_, at) => {
      return p.mask.data[windowOf(Math.floor(at / p.L ** 2)) * p.L ** 2 + (at % p.L ** 2)] as number;
    }),
  ),
});

/** Probabilities of every window and head, [B, H, L, L], normalised by `isByQueries` columns or rows. */
function probabilities(p: Problem, isByQueries: boolean): Float64Array {
  const { B, H, L, D, nW } = p;
  const P = new Float64Array(B * H * L * L);
  for (let at = 0; at < P.length; at++) {
    const [j, i, h, b] = [at % L, Math.floor(at / L) % L, Math.floor(at / L ** 2) % H, Math.floor(at / (L ** 2 * H))];
    let s = 0;
    for (let d = 0; d < D; d++) {
      const head = (b * H + h) * L;
      s += (p.q.data[(head + i) * D + d] as number) * (p.k.data[(head + j) * D + d] as number);
    }
    s = s * p.scale + (p.bias.data[(h * L + i) * L + j] as number);
    P[at] = Math.exp(s + (p.mask.data[((b % nW) * L + i) * L + j] as number));
  }
  const sums = new Float64Array(B * H * L);
  const line = (at: number) => Math.floor(at / L ** 2) * L + (isByQueries ? at % L : Math.floor(at / L) % L);
  P.forEach((e, at) => {
    sums[line(at)] = (sums[line(at)] as number) + e;
  });
  return P.map((e, at) => e / (sums[line(at)] as number));
}

function timesValues(p: Problem, P: Float64Array): Float64Array {
  const { L, D } = p;
  return Float64Array.from({ length: p.v.data.length }, (_, at) => {
    const [d, row] = [at % D, Math.floor(at / D)];
    const head = Math.floor(row / L);
    let sum = 0;
    for (let j = 0; j < L; j++) sum += (P[row * L + j] as number) * (p.v.data[(head * L + j) * D + d] as number);
    return sum;
  });
}

/** Zero keys and values behind those of every window, which its queries see. */
function withPaddedKeys(p: Problem): Float64Array {
  const { B, H, L, D } = p;
  const to = L % 8 === 0 ? 2 * L : Math.ceil(L / 8) * 8;
  const pad = (x: Tensor<Float32Array>, columns: number, toColumns: number) => {
    const rows = x.data.length / (L * columns);
    return float32Tensor(
      [...x.dims.slice(0, -2), to, toColumns],
      Float32Array.from({ length: rows * to * toColumns }, (_, at) => {
        const [c, i, r] = [at % toColumns, Math.floor(at / toColumns) % to, Math.floor(at / (toColumns * to))];
        return i < L && c < columns ? (x.data[(r * L + i) * columns + c] as number) : 0;
      }),
    );
  };
  const { q, k, v, bias, mask, scale } = p;
  const o = outputOf({
    q: pad(q, D, D),
    k: pad(k, D, D),
    v: pad(v, D, D),
    bias: pad(bias, L, to),
    mask: pad(mask, L, to),
    scale,
  });
  return Float64Array.from({ length: B * H * L * D }, (_, at) => {
    const [rest, head] = [at % (L * D), Math.floor(at / (L * D))];
    return o[head * to * D + rest] as number;
  });
}

/** Every fault, made from the reference by other means than `diagnose` has. */
const FAULTS: Record<string, (p: Problem) => Float64Array> = {
  correct: (p) => outputOf(inputsOf(p)),
  mask_ignored: ({ q, k, v, bias, scale }) => outputOf({ q, k, v, bias, scale }),
  bias_ignored: ({ q, k, v, mask, scale }) => outputOf({ q, k, v, mask, scale }),
  bias_transposed: (p) => {
    const { L } = p;
    const at = (i: number) => Math.floor(i / L ** 2) * L ** 2 + (i % L) * L + (Math.floor(i / L) % L);
    return outputOf({ ...inputsOf(p), bias: reindexed(p.bias, at) });
  },
  bias_of_next_head: (p) => {
    const size = p.bias.data.length;
    return outputOf({ ...inputsOf(p), bias: reindexed(p.bias, (i) => (i + p.L ** 2) % size) });
  },
  bias_scaled: (p) =>
    outputOf({
      ...inputsOf(p),
      bias: reindexed(
        p.bias,
        (i) => i,
        (x) => x * p.scale,
      ),
    }),
  scale_missing: (p) => outputOf({ ...inputsOf(p), scale: 1 }),
  scale_applied_twice: (p) => outputOf({ ...inputsOf(p), scale: p.scale ** 2 }),
  mask_window_index_wrong: (p) => outputOf(maskBy(p, (b) => Math.floor((b * p.nW) / p.B))),
  shift_reversed: (p) => outputOf(maskBy(p, (b) => p.nW - 1 - (b % p.nW))),
  border_mask_missing: (p) => {
    const { mask } = p;
    const last = (p.nW - 1) * p.L ** 2;
    const data = mask.data.map((m, at) => (at >= last ? 0 : m));
    return outputOf({ ...inputsOf(p), mask: float32Tensor(mask.dims, data) });
  },
  key_value_swapped: (p) => outputOf({ ...inputsOf(p), k: p.v, v: p.k }),
  softmax_over_queries: (p) => timesValues(p, probabilities(p, true)),
  padded_keys_counted: withPaddedKeys,
  feature_tail_dropped: (p) => {
    const q = float32Tensor(
      p.q.dims,
      p.q.data.map((x, at) => (at % p.D === p.D - 1 ? 0 : x)),
    );
    return outputOf({ ...inputsOf(p), q });
  },
  last_key_dropped: (p) => outputOf(masked(p, (_, j) => j === p.L - 1)),
  output_not_normalised: (p) => {
    const { o, lse } = windowAttention(inputsOf(p));
    return o.data.map((x, at) => x * Math.exp(lse.data[Math.floor(at / p.D)] as number));
  },
  heads_and_tokens_not_permuted: (p) => {
    const o = outputOf(inputsOf(p));
    const { H, L, D } = p;
    return o.map((_, at) => {
      const [d, h, i, b] = [at % D, Math.floor(at / D) % H, Math.floor(at / (D * H)) % L, Math.floor(at / (D * H * L))];
      return o[((b * H + h) * L + i) * D + d] as number;
    });
  },
  causal_mask_added: (p) => outputOf(masked(p, (i, j) => j > i)),
  tokens_column_major: (p) => {
    const { L } = p;
    const side = Math.sqrt(L);
    const turned = (i: number) => (i % side) * side + Math.floor(i / side);
    const at = (i: number) => Math.floor(i / L ** 2) * L ** 2 + turned(Math.floor(i / L) % L) * L + turned(i % L);
    return outputOf({ ...inputsOf(p), bias: reindexed(p.bias, at) });
  },
  probabilities_in_bfloat16: (p) => timesValues(p, probabilities(p, false).map(roundToBfloat16)),
  one_window_stale: (p) => {
    const o = outputOf(inputsOf(p));
    const size = p.H * p.L * p.D;
    o.copyWithin((p.B - 1) * size, 0, size);
    return o;
  },
  uninitialised_row: (p) => {
    const o = outputOf(inputsOf(p));
    const row = Math.floor(((p.next() + 1) / 2) * p.B * p.H * p.L);
    for (let d = 0; d < p.D; d++) o[row * p.D + d] = 3 * p.next();
    return o;
  },
};

/** Shapes that leave room for every fault. */
function problemOf(next: () => number): Problem {
  const upTo = (min: number, max: number) => min + Math.floor(((next() + 1) / 2) * (max - min + 1) * 0.999);
  const nW = upTo(3, 5);
  const [B, H, L, D] = [nW * upTo(2, 3), upTo(2, 4), upTo(3, 7) ** 2, upTo(5, 33)];
  const mask = randomTensor([nW, L, L], next);
  return {
    B,
    H,
    L,
    D,
    nW,
    q: randomTensor([B, H, L, D], next, 2),
    k: randomTensor([B, H, L, D], next, 2),
    v: randomTensor([B, H, L, D], next),
    bias: randomTensor([H, L, L], next, 2),
    mask: float32Tensor(
      mask.dims,
      mask.data.map((x) => (x > 0.3 ? -100 : 0)),
    ),
    scale: D ** -0.5,
    next,
  };
}

describe('diagnose', () => {
  it.each(goldenCases('faults'))('finds every fault of golden $name', (golden) => {
    for (const [name, output] of Object.entries(golden.tensors)) {
      if (!name.startsWith('o_')) continue;
      const expected = name === 'o_actual' ? 'mask_ignored' : name.slice(2);
      expect(diagnose(attentionArgsOf(golden), output)[0]?.name).toBe(expected);
    }
  });

  it('finds random faults of each kind at random shapes, 98 of 100, in float32 and in float16', () => {
    const next = randomNumbers(fc.readConfigureGlobal().seed ?? 1);
    const missed: string[] = [];
    let tried = 0;
    for (let round = 0; round < 5; round++) {
      for (const [name, make] of Object.entries(FAULTS)) {
        const problem = problemOf(next);
        const isHalf = round % 3 === 2 && name !== 'probabilities_in_bfloat16';
        const o = float32Tensor(
          problem.q.dims,
          Float32Array.from(make(problem), isHalf ? roundToFloat16 : Math.fround),
        );
        const [first] = diagnose(inputsOf(problem), o);
        tried++;
        if (first?.name === name && first.residual <= 0.02) continue;
        missed.push(`${name} taken for ${first?.name} (${first?.residual}) at ${problem.q.dims} of ${problem.nW}`);
      }
    }
    console.info(`${tried - missed.length} of ${tried} named first`);
    expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(0.02 * tried);
  }, 300_000);

  it('finds two faults at once', () => {
    const problem = problemOf(randomNumbers(2));
    const { q, k, v, bias, scale } = problem;
    const o = outputOf({ q, k: v, v: k, bias, scale });
    expect(
      diagnose(inputsOf(problem), float32Tensor(q.dims, Float32Array.from(o)))[0]
        ?.name.split(' + ')
        .sort(),
    ).toEqual(['key_value_swapped', 'mask_ignored']);
  });

  it('says which windows, heads, rows and columns are wrong', () => {
    const problem = problemOf(randomNumbers(3));
    const { H, L, D } = problem;
    const o = Float32Array.from(outputOf(inputsOf(problem)));
    o[((2 * H + 1) * L + 4) * D + 3] = Number.NaN;
    const [first] = diagnose(inputsOf(problem), float32Tensor(problem.q.dims, o));
    expect([first?.name, first?.where]).toEqual([
      'uninitialised_row',
      { windows: [2], heads: [1], rows: [4], columns: [3] },
    ]);
  });

  it('calls noise unexplained, and refuses what is no output', () => {
    const problem = problemOf(randomNumbers(4));
    const noise = randomTensor(problem.q.dims, problem.next, 0.1);
    expect(diagnose(inputsOf(problem), noise)[0]?.name).toBe('unexplained');
    expect(() => diagnose(inputsOf(problem), problem.bias)).toThrow(/"actualO" expected dims \[B, H, L, D\]/);
  });
});

describe('toMatchWindowAttention', () => {
  const problem = problemOf(randomNumbers(6));
  const inputs = inputsOf(problem);
  const tensorOf = (o: Float64Array) => float32Tensor(problem.q.dims, Float32Array.from(o));

  it('passes what is right', () => {
    const result = toMatchWindowAttention({ o: tensorOf(outputOf(inputs)) }, inputs);
    expect(toMatchWindowAttention(tensorOf(outputOf(inputs)), inputs).pass).toBe(true);
    expect(result.pass).toBe(true);
    expect(result.message()).toMatch(/expected window attention to be wrong, got:\npass {2}o/);
  });

  it('says what is wrong', () => {
    const o = tensorOf(outputOf({ ...inputs, bias: undefined } as unknown as Inputs));
    const result = toMatchWindowAttention({ o }, inputs);
    expect(result.pass).toBe(false);
    expect(result.message()).toMatch(/FAIL {2}o {2}error .* allowed in float32, worst at .*\nbias_ignored: /);
  });
});
