import { checkObject } from '../tensor/check.js';
import type { TensorLike } from '../tensor/tensor.js';
import { type CaseActuals, type CaseInputs, checkCase } from './checkCase.js';
import { diagnose } from './diagnose.js';
import type { Precision } from './precision.js';

/** What a matcher returns to `expect.extend` of vitest and jest. */
export interface MatcherResult {
  readonly pass: boolean;
  message(): string;
}

/** Options of `toMatchWindowAttention`: the precision of the kernel, float32 by default. */
export interface MatcherOptions {
  readonly dtype?: Precision | undefined;
}

declare global {
  // What vitest and jest both let matchers be declared in.
  namespace jest {
    // biome-ignore lint/complexity/noBannedTypes: all declarations of an interface have the same parameters.
    interface Matchers<R, T = {}> {
      toMatchWindowAttention(inputs: CaseInputs, options?: MatcherOptions): R;
    }
  }
}

/**
 * A matcher for vitest and jest: `expect.extend({ toMatchWindowAttention })`, then
 * `expect(o).toMatchWindowAttention(inputs, { dtype })`, or `expect({ o, dQ })` for several outputs. Judges as `checkCase` does, and throws as it does; a failure
 * says what a wrong `o` looks like, as `diagnose` does.
 */
export function toMatchWindowAttention(
  received: CaseActuals | TensorLike,
  inputs: CaseInputs,
  options: MatcherOptions = {},
): MatcherResult {
  checkObject('received', received);
  const actuals: CaseActuals = 'data' in received ? { o: received } : received;
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
