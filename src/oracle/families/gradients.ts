import type { Fault, FaultContext, GradientProduct, OperandName, Variant } from '../faults.js';
import { type At, headPlaces, rowPlaces, TILES, windowPlaces } from './places.js';

const variant = (name: string, explanation: string, fault: Fault): Variant => ({ name, explanation, fault });

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

/** The saved lse and delta, wrong or read at another place. */
export function savedRows({ problem, output }: FaultContext): Variant[] {
  if (!output.startsWith('d')) return [];
  const { B, H, L, nW } = problem;
  const axes = { B, H, L, D: 1 };
  const saved = (name: string, explanation: string, savedLse: Fault['savedLse']): Variant[] => [
    variant(name, explanation, { savedLse: savedLse ?? {} }),
    variant(name, explanation, { savedLse: savedLse ?? {}, delta: 'saved' }),
  ];
  const rows = [...windowPlaces(axes, nW), ...headPlaces(axes), ...rowPlaces(axes)];
  const forms: readonly [string, string, (lse: number) => number][] = [
    ['lse_base_2', 'P is recomputed with an lse of base 2, the exponential has base e', (lse) => lse * Math.LOG2E],
    ['lse_times_ln2', 'P is recomputed with lse times ln(2)', (lse) => lse * Math.LN2],
    ['lse_missing', 'P is recomputed without lse: exponentials that are not normalised', () => 0],
    ['lse_sign', 'P is recomputed with lse added', (lse) => -lse],
    ['lse_half', 'P is recomputed with half of lse', (lse) => lse / 2],
  ];
  return [
    ...forms.flatMap(([name, text, change]) => saved(name, text, { change })),
    ...rows.flatMap(({ name, text, at }) => saved(`lse_${name}`, `P is recomputed with lse read ${text}`, { at })),
    ...rows.map(({ name, text, at }) =>
      variant(`delta_${name}`, `delta is read ${text}`, {
        delta: deltaAt(problem, at),
      }),
    ),
  ];
}

function deltaAt(problem: FaultContext['problem'], at: At): NonNullable<Fault['delta']> {
  return (delta, { b, h, rows, D }) => {
    const dO = problem.dO as Float64Array;
    for (const [r, i] of rows.entries()) {
      const from = at(b, h, i, 0);
      let sum = from === -2 ? Number.NaN : 0;
      if (from >= 0)
        for (let d = from * D; d < (from + 1) * D; d++) sum += (dO[d] as number) * (problem.o[d] as number);
      delta[r] = sum;
    }
  };
}

/** What multiplies what in the last product, and which of its terms are summed. */
export function gradientProducts({ problem, output }: FaultContext): Variant[] {
  const { L, B, nW } = problem;
  const right = { dQ: 'dS K', dK: 'dSᵀ Q', dV: 'Pᵀ dO' }[output as 'dQ' | 'dK' | 'dV'];
  const tiles = TILES.filter((tile) => tile < L);
  const terms: Variant[] = [];
  for (const tile of tiles) {
    const last = Math.floor((L - 1) / tile) * tile;
    const over = (name: string, words: string, isIn: (n: number) => boolean): Variant[] => [
      variant(name, `${words} enter the sum, of keys`, { terms: (_, j) => isIn(j) }),
      variant(name, `${words} enter the sum, of queries`, { terms: (i) => isIn(i) }),
    ];
    terms.push(
      ...over('gradient_not_accumulated', `only the last ${L - last} of tiles of ${tile}`, (n) => n >= last),
      ...over('gradient_of_first_tile', `only the first ${tile}`, (n) => n < tile),
      ...over('last_tile_dropped', `all but the last ${L - last} of tiles of ${tile}`, (n) => n < last),
      ...over('first_tile_dropped', `all but the first ${tile}`, (n) => n >= tile),
    );
  }
  if (L > 1) {
    terms.push(
      variant('last_query_dropped', 'the last query does not enter the sum', { terms: (i) => i < L - 1 }),
      variant('last_key_dropped', 'the last key does not enter the sum', { terms: (_, j) => j < L - 1 }),
      variant('first_query_dropped', 'the first query does not enter the sum', { terms: (i) => i > 0 }),
      variant('first_key_dropped', 'the first key does not enter the sum', { terms: (_, j) => j > 0 }),
      variant('own_key_dropped', 'a query and its own key do not enter the sum', { terms: (i, j) => i !== j }),
    );
  }
  if (output === 'dBias') {
    const share = (name: string, explanation: string, windowShare: (b: number) => number) =>
      variant(name, explanation, { windowShare });
    const images = nW > 1 ? B / nW : 1;
    const single = 'dbias_not_summed';
    return [
      share('dbias_not_summed', 'dBias holds the last window alone', (b) => (b === B - 1 ? 1 : 0)),
      share('dbias_not_summed', 'dBias holds the first window alone', (b) => (b === 0 ? 1 : 0)),
      share(single, 'dBias lacks the last window', (b) => (b === B - 1 ? 0 : 1)),
      share(single, 'dBias lacks the first window', (b) => (b === 0 ? 0 : 1)),
      ...(images > 1
        ? [
            share(single, "dBias holds the first image's windows alone", (b) => (b < nW ? 1 : 0)),
            share(single, "dBias holds the last image's windows alone", (b) => (b >= B - nW ? 1 : 0)),
            share(single, 'dBias holds the first window of every image alone', (b) => (b % nW === 0 ? 1 : 0)),
            share(single, 'dBias holds the last window of every image alone', (b) => (b % nW === nW - 1 ? 1 : 0)),
          ]
        : []),
      ...[0, 1].map((odd) =>
        share(single, `dBias holds every other window alone, ${odd ? 'odd' : 'even'} ones`, (b) =>
          b % 2 === odd ? 1 : 0,
        ),
      ),
      ...[2, 4, 8, 16, 32, 64, 128]
        .filter((n) => n < B)
        .flatMap((n) => [
          share(single, `dBias holds the first ${n} windows alone`, (b) => (b < n ? 1 : 0)),
          share(single, `dBias holds the last ${n} windows alone`, (b) => (b >= B - n ? 1 : 0)),
          share(single, `dBias holds every ${n}th window alone`, (b) => (b % n === 0 ? 1 : 0)),
        ]),
      variant('dbias_of_probabilities', 'dBias sums P instead of dS', { scoreGradient: (p) => p }),
      variant('dbias_scaled', 'dBias is multiplied by the scale', {
        scoreGradients: (dS, { factor }) =>
          dS.forEach((x, at) => {
            dS[at] = x * factor;
          }),
      }),
    ];
  }
  if (right === undefined) return terms;
  const operands: readonly (OperandName | 'o')[] = ['q', 'k', 'v', 'dO', 'o'];
  const lefts = ['dS', 'P', 'dP'] as const;
  const products = lefts.flatMap((left) =>
    [false, true].flatMap((isTransposed) =>
      operands.map((operand): Variant => {
        const product: GradientProduct = { left, isTransposed, right: operand };
        const text = `${left}${isTransposed ? 'ᵀ' : ''} ${operand.length === 1 ? operand.toUpperCase() : operand}`;
        const isTurned = text.replace('ᵀ', '') === right.replace('ᵀ', '');
        return variant(
          isTurned ? `${output}_not_transposed` : `${output}_of_other_operands`,
          `${output} is ${text} instead of ${right}`,
          { product },
        );
      }),
    ),
  );
  return [...products.filter(({ explanation }) => !explanation.includes(`is ${right} instead`)), ...terms];
}

/** Parts of the recomputation that the backward pass alone gets wrong: lse and delta are those of the right forward pass. */
export function inRecomputation(variants: readonly Variant[]): Variant[] {
  return variants.flatMap(({ name, explanation, fault }) => {
    if (fault.delta !== undefined || fault.savedLse !== undefined || fault.product || fault.softmax) return [];
    const changesScores =
      fault.q ||
      fault.k ||
      fault.bias ||
      fault.mask ||
      fault.factor ||
      fault.scores ||
      fault.biasFactor !== undefined ||
      fault.maskFactor !== undefined ||
      fault.scoreFactor !== undefined;
    const changesOutput = fault.v || fault.dO;
    if (!changesScores && !changesOutput) return [];
    const text = `${explanation}, in the backward pass alone`;
    return [
      ...(changesScores
        ? [
            {
              name: `${name}_in_backward`,
              explanation: text,
              fault: { ...fault, savedLse: {}, delta: 'saved' as const },
            },
            {
              name: `${name}_in_backward`,
              explanation: `${text}, delta accordingly`,
              fault: { ...fault, savedLse: {} },
            },
          ]
        : []),
      {
        name: `${name}_in_backward`,
        explanation: changesScores ? `${text}, lse accordingly` : text,
        fault: { ...fault, delta: 'saved' as const },
      },
    ];
  });
}

/** Operands that the backward pass alone reads at another place: lse and delta are right. */
export function sourcesInRecomputation(variants: readonly Variant[]): Variant[] {
  return variants.map(({ name, explanation, fault }) => ({
    name: `${name}_in_backward`,
    explanation: `${explanation}, in the backward pass alone`,
    fault: { ...fault, delta: 'saved', ...((fault.q || fault.k) && { savedLse: {} }) },
  }));
}

/** Per-head constants that multiply a gradient. */
export function headFactors({ problem, output }: FaultContext): Variant[] {
  if (!output.startsWith('d') || !problem.logitScale) return [];
  const { factors, logitScale, H } = problem;
  const times = (name: string, explanation: string, of: (h: number) => number): Variant =>
    variant(name, explanation, {
      output: (x, { h }) => {
        const f = of(h);
        for (let at = 0; at < x.length; at++) x[at] = (x[at] as number) * f;
      },
    });
  const factor = (h: number) => factors[h] as number;
  const logit = (h: number) => (logitScale as Float64Array)[h] as number;
  return [
    times('scale_missing', 'the gradient is not multiplied by the exponentiated logit scale', (h) => 1 / factor(h)),
    times('scale_applied_twice', 'the gradient is multiplied by the exponentiated logit scale twice', factor),
    times(
      'logit_scale_not_exponentiated',
      'the gradient is multiplied by the logit scale, not its exponential',
      (h) => logit(h) / factor(h),
    ),
    times(
      'logit_scale_of_next_head',
      "the gradient is multiplied by the next head's logit scale",
      (h) => factor((h + 1) % H) / factor(h),
    ),
    times(
      'logit_scale_of_next_head',
      'the gradient is multiplied by the logit scale of the head before',
      (h) => factor((h + H - 1) % H) / factor(h),
    ),
    times('logit_scale_of_head_0', "the gradient is multiplied by head 0's logit scale", (h) => factor(0) / factor(h)),
    times(
      'clamp_missing',
      'the gradient is multiplied by a logit scale that is not clamped',
      (h) => Math.exp(logit(h)) / factor(h),
    ),
  ];
}
