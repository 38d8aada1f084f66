import { type FaultContext, type GradientProduct, type OperandName, type Variant, variant } from '../faults.js';
import { TILES } from './tileSizes.js';

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
    const share = (explanation: string, windowShare: (b: number) => number) =>
      variant('dbias_not_summed', explanation, { windowShare });
    const images = nW > 1 ? B / nW : 1;
    return [
      share('dBias holds the last window alone', (b) => (b === B - 1 ? 1 : 0)),
      share('dBias holds the first window alone', (b) => (b === 0 ? 1 : 0)),
      share('dBias lacks the last window', (b) => (b === B - 1 ? 0 : 1)),
      share('dBias lacks the first window', (b) => (b === 0 ? 0 : 1)),
      ...(images > 1
        ? [
            share("dBias holds the first image's windows alone", (b) => (b < nW ? 1 : 0)),
            share("dBias holds the last image's windows alone", (b) => (b >= B - nW ? 1 : 0)),
            share('dBias holds the first window of every image alone', (b) => (b % nW === 0 ? 1 : 0)),
            share('dBias holds the last window of every image alone', (b) => (b % nW === nW - 1 ? 1 : 0)),
          ]
        : []),
      ...[0, 1].map((odd) =>
        share(`dBias holds every other window alone, ${odd ? 'odd' : 'even'} ones`, (b) => (b % 2 === odd ? 1 : 0)),
      ),
      ...[2, 4, 8, 16, 32, 64, 128]
        .filter((n) => n < B)
        .flatMap((n) => [
          share(`dBias holds the first ${n} windows alone`, (b) => (b < n ? 1 : 0)),
          share(`dBias holds the last ${n} windows alone`, (b) => (b >= B - n ? 1 : 0)),
          share(`dBias holds every ${n}th window alone`, (b) => (b % n === 0 ? 1 : 0)),
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
