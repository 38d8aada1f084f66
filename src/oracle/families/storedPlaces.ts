import { ROUNDING } from '../hypothesis.js';
import { type At, type Axes, UNKNOWN, ZERO } from '../place.js';
import { places } from './places.js';
import { explainedBy, type StoreCandidate, type Stored, samplesOf } from './stored.js';

/** Largest output that is stored anew for every place. */
const MOST_SCATTERED = 1.5e6;

/** Results that are looked for at the place of each before all are stored, how they are drawn along the axes, and how near they lie. */
const SOURCES = 12;
const STEPS = [Math.SQRT2, Math.sqrt(3), Math.sqrt(5), Math.sqrt(7)] as const;
const ALIKE = 0.03;

/** The whole output as if it were read, or written, at a wrong place. */
export function gathered(stored: Stored): StoreCandidate[] {
  const { truth, axes, nW, output, actual } = stored;
  const samples = samplesOf(stored);
  const own = places(axes, nW);
  const candidates: (StoreCandidate & { isContradicted: boolean })[] = own.map(({ name, text, at }) => {
    const { residual, isContradicted } = explainedBy(stored, samples, (b, h, i, d) => {
      const from = at(b, h, i, d);
      return from === ZERO ? 0 : from === UNKNOWN ? Number.NaN : (truth[from] as number);
    });
    return { ...named(output, name, `${output} holds the right result taken ${text}`), residual, isContradicted };
  });
  if (candidates.every(({ residual }) => residual > ROUNDING) && truth.length <= MOST_SCATTERED) {
    const size = Math.sqrt(truth.reduce((sum, t) => sum + (Number.isFinite(t) ? t * t : 0), 0) / truth.length);
    for (const { name, text, at } of own) {
      if (!mayBeStoredAt(stored, at, size)) continue;
      const scattered = scatter(truth, actual, axes, at);
      const { residual, isContradicted } = explainedBy(stored, samples, (b, h, i, d) => {
        return scattered[((b * axes.H + h) * axes.L + i) * axes.D + d] as number;
      });
      candidates.push({
        ...named(output, name, `${output} is stored ${text.replace('from', 'at')}`),
        residual,
        isContradicted,
      });
    }
  }
  return candidates.filter(({ isContradicted, residual }) => !isContradicted || residual <= ROUNDING / 2);
}

function named(output: string, place: string, explanation: string): { name: string; explanation: string } {
  if (place === 'layout_BLHD' && output === 'o') {
    return { name: 'heads_and_tokens_not_permuted', explanation: 'the output is laid out as [B, L, H, D]' };
  }
  return { name: `output_${place}`, explanation };
}

/**
 * Whether results lie where `at` stores them, as far as nothing overwrites them: some of any, or of the last along one axis or
 * several, which no later one overwrites. Tells most wrong places by a few elements.
 */
function mayBeStoredAt({ actual, truth, axes, located }: Stored, at: At, size: number): boolean {
  // Where only a part is wrong, what lies elsewhere says nothing.
  if (located.where) return true;
  const { B, H, L, D } = axes;
  let isUnknown = true;
  for (let lasts = 0; lasts < 16; lasts++) {
    const index = (axis: number, count: number, n: number) =>
      (lasts >> axis) & 1 ? count - 1 : Math.floor((((n + 1) * (STEPS[axis] as number)) % 1) * count);
    let stored = 0;
    let agreeing = 0;
    for (let n = 0; n < SOURCES; n++) {
      const [b, h, i, d] = [index(0, B, n), index(1, H, n), index(2, L, n), index(3, D, n)] as const;
      const to = at(b, h, i, d);
      const t = truth[((b * H + h) * L + i) * D + d] as number;
      if (to < 0 || !Number.isFinite(t)) continue;
      stored++;
      if (Math.abs((actual[to] as number) - t) <= ALIKE * (Math.abs(t) + size)) agreeing++;
    }
    if (stored > 0) isUnknown = false;
    if (stored > 0 && 2 * agreeing >= stored) return true;
  }
  return isUnknown;
}

/** The output as a kernel leaves it that stores every element at its wrong place, the last one winning. */
function scatter(
  truth: Float64Array,
  actual: Float64Array,
  { B, H, L, D }: Axes,
  at: (b: number, h: number, i: number, d: number) => number,
): Float64Array {
  // Places that nothing was stored at hold 0, or what nobody knows.
  const out = actual.map((x) => (x === 0 ? 0 : Number.NaN));
  let from = 0;
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let i = 0; i < L; i++) {
        for (let d = 0; d < D; d++, from++) {
          const to = at(b, h, i, d);
          if (to >= 0) out[to] = truth[from] as number;
        }
      }
    }
  }
  return out;
}
