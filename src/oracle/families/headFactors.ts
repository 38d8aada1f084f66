import { type FaultContext, type Variant, variant } from '../faults.js';

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
