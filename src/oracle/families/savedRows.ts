import { type Fault, type FaultContext, type Variant, variant } from '../faults.js';
import type { At } from '../place.js';
import { headPlaces } from './headPlaces.js';
import { rowPlaces } from './rowPlaces.js';
import { windowPlaces } from './windowPlaces.js';

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
