import { type CaseActuals, type CaseInputs, checkCase } from './checkCase.js';
import { diagnose } from './diagnose.js';
import type { Precision } from './precision.js';

/** What a matcher returns to `expect.extend` of vitest and jest. */
export interface MatcherResult {
  readonly pass: boolean;
  message(): string;
}

/**
 * A matcher for vitest and jest: `expect.extend({ toMatchWindowAttention })`, then
 * `expect({ o }).toMatchWindowAttention(inputs, { dtype })`. Judges as `checkCase` does, and throws as it does; a failure
 * says what a wrong `o` looks like, as `diagnose` does.
 */
export function toMatchWindowAttention(
  actuals: CaseActuals,
  inputs: CaseInputs,
  options: { readonly dtype?: Precision | undefined } = {},
): MatcherResult {
  const { pass, dtype, tensors } = checkCase(inputs, actuals, options);
  return {
    pass,
    message() {
      const verdicts = Object.entries(tensors).map(([name, { pass: isRight, maxAbsError, tolerance, worstIndex }]) => {
        const figures = `error ${maxAbsError.toExponential(2)} of ${tolerance.toExponential(2)} allowed in ${dtype}`;
        return `${isRight ? 'pass' : 'FAIL'}  ${name}  ${figures}, worst at [${worstIndex.join(', ')}]`;
      });
      const [likeliest] = actuals.o && tensors.o?.pass === false ? diagnose(inputs, actuals.o) : [];
      return [
        `expected window attention${pass ? ' to be wrong' : ''}, got:`,
        ...verdicts,
        ...(likeliest ? [`${likeliest.name}: ${likeliest.explanation}`] : []),
      ].join('\n');
    },
  };
}
