import type { WindowOutputName } from '../checkCase.js';
import type { FaultyProblem } from '../faultyProblem.js';
import type { Candidate } from '../hypothesis.js';
import { nameOf } from './constants.js';
import type { Stored } from './stored.js';

/** A factor that is a known constant, and one that is none. */
const KNOWN = 400;
const ODD = 2e6;

/** The right output times a constant, or plus one, as fits best. */
export function scaledOutputs({ actual, truth, located, axes, output }: Stored, problem: FaultyProblem): Candidate[] {
  const { L, D } = axes;
  let [n, x, y, xx, xy, yy] = [0, 0, 0, 0, 0, 0];
  for (const unit of located.units) {
    for (const i of located.rows) {
      for (const d of located.columns) {
        const at = (unit * L + i) * D + d;
        const [t, a] = [truth[at] as number, actual[at] as number];
        if (!Number.isFinite(t) || !Number.isFinite(a)) continue;
        n++;
        x += t;
        y += a;
        xx += t * t;
        xy += t * a;
        yy += a * a;
      }
    }
  }
  if (!(xx > 0 && n > 1)) return [];
  const size = Math.sqrt(yy) || 1;
  const factor = xy / xx;
  const constant = nameOf(factor, problem);
  const shift = (y - x) / n;
  const logarithm = nameOf(Math.exp(shift), problem);
  return [
    {
      name: scaledName(factor, output, problem),
      explanation: `${output} is multiplied by ${constant ?? factor.toPrecision(5)}`,
      residual: Math.sqrt(Math.max(0, yy - factor * xy)) / size,
      order: constant ? KNOWN : ODD,
    },
    {
      name: `${output}_shifted`,
      explanation: `${shift.toPrecision(5)}${logarithm ? `, ln of ${logarithm},` : ''} is added to every element of ${output}`,
      residual: Math.sqrt(Math.max(0, yy - 2 * xy + xx - n * shift * shift)) / size,
      order: ODD,
    },
  ];
}

/** What a factor of an output is called. */
export function scaledName(factor: number, output: WindowOutputName, { scale, B, logitScale }: FaultyProblem): string {
  const is = (value: number) => Math.abs(factor / value - 1) < 0.004;
  if (is(-1)) return `${output}_sign`;
  if (!logitScale && (output === 'dQ' || output === 'dK')) {
    if (is(1 / scale)) return 'scale_missing';
    if (is(scale)) return 'scale_applied_twice';
  }
  if (output === 'lse' && is(Math.LOG2E)) return 'lse_base_2';
  if (output === 'lse' && is(Math.LN2)) return 'lse_times_ln2';
  if (output === 'dBias' && is(1 / B)) return 'dbias_averaged';
  return `${output}_scaled`;
}
