import { type Fault, type FaultContext, type Variant, variant } from '../faults.js';
import { TILES } from './tileSizes.js';

/** dS from P, dP and delta, and what P is recomputed from. */
export function scoreGradientForms({ problem, output }: FaultContext): Variant[] {
  if (!output.startsWith('d')) return [];
  const { L, D, scale } = problem;
  const change = (name: string, explanation: string, of: (delta: number) => number): Variant =>
    variant(name, explanation, {
      delta: (delta) => {
        for (let r = 0; r < delta.length; r++) delta[r] = of(delta[r] as number);
      },
    });
  const otherRows = (name: string, explanation: string, of: (i: number) => number): Variant =>
    variant(name, explanation, {
      needsAllRows: true,
      delta: (delta) => {
        const own = delta.slice();
        for (let r = 0; r < delta.length; r++) delta[r] = own[of(r)] as number;
      },
    });
  return [
    change('delta_missing', 'delta, rowsum(dO ∘ O), is not subtracted', () => 0),
    change('delta_sign', 'delta, rowsum(dO ∘ O), is added', (x) => -x),
    change('delta_scaled', 'delta is multiplied by the scale', (x) => x * scale),
    change('delta_scaled', 'delta is divided by the scale', (x) => x / scale),
    change('delta_twice', 'delta is subtracted twice', (x) => 2 * x),
    change('delta_half', 'half of delta is subtracted', (x) => x / 2),
    change('delta_averaged', 'delta is the mean over features instead of the sum', (x) => x / D),
    change('delta_averaged', 'delta is the mean over keys instead of the sum', (x) => x / L),
    ...(L > 1
      ? [
          otherRows('delta_of_next_row', "delta is the next row's", (i) => (i + 1) % L),
          otherRows('delta_of_next_row', 'delta is that of the row before', (i) => (i + L - 1) % L),
          otherRows('delta_of_first_row', "delta is the first row's", () => 0),
          otherRows('delta_of_last_row', "delta is the last row's", () => L - 1),
          otherRows('delta_reversed', 'delta is that of the rows in reverse order', (i) => L - 1 - i),
          variant('delta_summed_over_rows', 'delta is the sum over all rows', {
            needsAllRows: true,
            delta: (delta) => {
              delta.fill(delta.reduce((s, x) => s + x, 0));
            },
          }),
          variant('delta_of_queries', 'delta is the sum over queries of P ∘ dP', {
            needsAllRows: true,
            delta: (delta, { rows }, dP, P) => {
              delta.fill(0);
              for (let at = 0; at < P.length; at++)
                delta[at % rows.length] = (delta[at % rows.length] as number) + (P[at] as number) * (dP[at] as number);
            },
          }),
          ...TILES.filter((tile) => tile < L).flatMap((tile) => [
            otherRows(
              'delta_tile_not_advanced',
              `delta is that of the first ${tile} rows for every tile`,
              (i) => i % tile,
            ),
            ...[
              [0, tile],
              [Math.floor((L - 1) / tile) * tile, L],
            ].map((range) =>
              variant('delta_of_tile', `delta is summed over keys ${range[0]} to ${(range[1] as number) - 1} alone`, {
                delta: (delta, _, dP, P) => {
                  const [from, to] = range as [number, number];
                  delta.forEach((__, r) => {
                    let sum = 0;
                    for (let j = from; j < to; j++) sum += (P[r * L + j] as number) * (dP[r * L + j] as number);
                    delta[r] = sum;
                  });
                },
              }),
            ),
          ]),
        ]
      : []),
    ...(
      [
        ['V', (u) => u.v],
        ['dO', (u) => u.dO ?? u.v],
        ['O', (u) => u.o],
      ] as [string, (u: typeof problem) => Float64Array][]
    ).flatMap(([word, of]) => [
      variant(
        'delta_of_other_operands',
        word === 'V' ? 'delta is rowsum(dO ∘ V)' : `delta is rowsum(${word} ∘ ${word})`,
        {
          delta: (delta, { b, h, rows }) => {
            const x = of(problem);
            const y = word === 'V' ? (problem.dO as Float64Array) : x;
            for (const [r, i] of rows.entries()) {
              const at = ((b * problem.H + h) * L + i) * D;
              let sum = 0;
              for (let d = at; d < at + D; d++) sum += (x[d] as number) * (y[d] as number);
              delta[r] = sum;
            }
          },
        },
      ),
    ]),
    ...TILES.filter((chunk) => chunk < D).flatMap((chunk) => [
      variant('delta_of_chunk', `delta is summed over the first ${chunk} features alone`, {
        delta: partialDelta(problem, 0, chunk),
      }),
      variant('delta_of_chunk', `delta is summed over the last chunk of ${chunk} features alone`, {
        delta: partialDelta(problem, Math.floor((D - 1) / chunk) * chunk, D),
      }),
      variant('output_gradient_chunks_missing', `dP is summed over the first ${chunk} features alone`, {
        ...chunkOf(problem, 0, chunk),
        delta: 'saved',
      }),
      variant('output_gradient_chunks_missing', `dP is summed over the last chunk of ${chunk} features alone`, {
        ...chunkOf(problem, Math.floor((D - 1) / chunk) * chunk, D),
        delta: 'saved',
      }),
    ]),
    variant('score_gradient_without_p', 'dS lacks the factor P', { scoreGradient: (_, dP, delta) => dP - delta }),
    variant('score_gradient_without_p', 'delta is subtracted after the product: P ∘ dP − delta', {
      scoreGradient: (p, dP, delta) => p * dP - delta,
    }),
    variant('softmax_gradient_missing', 'dS is dP, without the gradient of the softmax', {
      scoreGradient: (_, dP) => dP,
    }),
    variant('softmax_gradient_of_sigmoid', 'dS is P ∘ (1 − P) ∘ dP', { scoreGradient: (p, dP) => p * (1 - p) * dP }),
    variant('probabilities_squared', 'dS has the factor P twice', {
      scoreGradient: (p, dP, delta) => p * p * (dP - delta),
    }),
    variant('score_gradient_is_p', 'dS is P', { scoreGradient: (p) => p }),
    variant('score_gradient_transposed', 'dS is transposed', {
      needsAllRows: true,
      scoreGradients: (dS) => {
        const own = dS.slice();
        for (let i = 0; i < L; i++) for (let j = 0; j < L; j++) dS[i * L + j] = own[j * L + i] as number;
      },
    }),
    variant('output_gradient_transposed', 'dP is transposed', {
      needsAllRows: true,
      delta: 'saved',
      outputGradients: (dP) => {
        const own = dP.slice();
        for (let i = 0; i < L; i++) for (let j = 0; j < L; j++) dP[i * L + j] = own[j * L + i] as number;
      },
    }),
    variant('output_gradient_scaled', 'dP is multiplied by the scale before delta is subtracted', {
      delta: 'saved',
      outputGradients: (dP) =>
        dP.forEach((x, at) => {
          dP[at] = x * scale;
        }),
    }),
  ];
}

function partialDelta(problem: FaultContext['problem'], from: number, to: number): NonNullable<Fault['delta']> {
  return (delta, { b, h, rows, L, D }) => {
    const dO = problem.dO as Float64Array;
    for (const [r, i] of rows.entries()) {
      const at = ((b * problem.H + h) * L + i) * D;
      let sum = 0;
      for (let d = at + from; d < at + to; d++) sum += (dO[d] as number) * (problem.o[d] as number);
      delta[r] = sum;
    }
  };
}

/** dP over some features alone. */
function chunkOf(problem: FaultContext['problem'], from: number, to: number): Fault {
  return {
    outputGradients: (dP, { b, h, rows, L, D }) => {
      const { dO, v, H } = problem;
      for (const [r, i] of rows.entries()) {
        for (let j = 0; j < L; j++) {
          const [x, y] = [((b * H + h) * L + i) * D, ((b * H + h) * L + j) * D];
          let sum = 0;
          for (let d = from; d < to; d++) sum += ((dO as Float64Array)[x + d] as number) * (v[y + d] as number);
          dP[r * L + j] = sum;
        }
      }
    },
  };
}
