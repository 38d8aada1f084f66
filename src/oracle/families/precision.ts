import { roundToBfloat16, roundToFloat16, roundToPrecision } from '../../tensor/half.js';
import type { FaultContext, Round, Variant } from '../faults.js';
import { softmaxOf } from '../rowSoftmax.js';

const TYPES: readonly { name: string; round: Round }[] = [
  { name: 'bfloat16', round: roundToBfloat16 },
  { name: 'float16', round: roundToFloat16 },
  { name: 'float8_e4m3', round: (x) => Math.max(-448, Math.min(448, roundToPrecision(x, 4, -6))) },
  { name: 'float8_e5m2', round: (x) => roundToPrecision(x, 3, -14) },
];
/** Terms that one instruction of a matrix unit sums before it rounds. */
const BLOCKS = [1, 16, 8, 32, 4];

/** Parts of the kernel in a lower type than its outputs show. */
export function lowerTypes({ output }: FaultContext): Variant[] {
  const isGradient = output.startsWith('d');
  return TYPES.flatMap(({ name, round }): Variant[] => {
    const roundAll = (x: Float64Array) => {
      for (let at = 0; at < x.length; at++) x[at] = round(x[at] as number);
    };
    return [
      {
        name: `probabilities_in_${name}`,
        explanation: `probabilities are rounded to ${name} before they meet the values`,
        fault: { probabilities: roundAll },
      },
      {
        name: `probabilities_in_${name}`,
        explanation: `exponentials are rounded to ${name} before they meet the values and are divided by their sum`,
        fault: {
          probabilities: (P, { rows, L }, S) => {
            for (let r = 0; r < rows.length; r++) {
              const max = S.subarray(r * L, (r + 1) * L).reduce((m, s) => Math.max(m, s), Number.NEGATIVE_INFINITY);
              if (max === Number.NEGATIVE_INFINITY) continue;
              let sum = 0;
              for (let j = r * L; j < (r + 1) * L; j++) sum += Math.exp((S[j] as number) - max);
              for (let j = r * L; j < (r + 1) * L; j++) P[j] = round(Math.exp((S[j] as number) - max)) / sum;
            }
          },
        },
      },
      {
        name: `scores_in_${name}`,
        explanation: `scores are rounded to ${name} before the softmax`,
        fault: { scores: roundAll },
      },
      {
        name: `inputs_in_${name}`,
        explanation: `q, k, v are rounded to ${name}`,
        fault: { roundInputs: round },
      },
      {
        name: `probabilities_in_${name}`,
        explanation: `the softmax is computed in ${name}`,
        fault: {
          softmax: (S, { rows, L }) => {
            const softmax = softmaxOf(S.map(round), rows.length, L);
            roundAll(softmax.P);
            return softmax;
          },
        },
      },
      ...(isGradient
        ? [
            {
              name: `score_gradients_in_${name}`,
              explanation: `dS is rounded to ${name} before its products`,
              fault: { scoreGradients: roundAll },
            },
            {
              name: `output_gradients_in_${name}`,
              explanation: `dP is rounded to ${name}`,
              fault: { outputGradients: roundAll },
            },
          ]
        : []),
      ...(['output', 'scores', 'all'] as const).flatMap((of) =>
        BLOCKS.map((block) => ({
          name: `accumulated_in_${name}`,
          explanation: `${of === 'all' ? 'all sums' : of === 'output' ? 'the sums of the output' : 'the sums of the scores'} are kept in ${name}, rounded every ${block} terms`,
          fault: { accumulation: { round, block, of } },
        })),
      ),
    ];
  });
}
