import { knownFaults } from '../families/index.js';
import type { Fault } from '../faults.js';
import type { FaultyProblem } from '../faultyProblem.js';
import type { ImageContext, ImageVariant } from '../imageFault.js';

/** What a kernel over windows may get wrong inside of each, without a look at others. */
export function windowFaults({ problem, output }: ImageContext): ImageVariant[] {
  const { B, H, L, D, nW, bias, scale, logitScale, factors, dO } = problem;
  const nothing = new Float64Array(0);
  // Families ask for sizes, and whether an input is there.
  const sizes: FaultyProblem = {
    ...{ B: B * nW, H, L, D, nW, q: nothing, k: nothing, v: nothing, dO, bias, mask: undefined },
    ...{ scale, logitScale, factors, o: nothing, lse: nothing },
  };
  const names = {
    o: ['o'],
    dQkv: ['dQ', 'dK', 'dV'],
    dRelativePositionBias: ['dBias'],
    dLogitScale: ['dLogitScale'],
  } as const;
  const variants = names[output].flatMap((name) =>
    knownFaults({ problem: { ...sizes, mask: new Float64Array(0) }, output: name }),
  );
  const seen = new Set<string>();
  return variants.flatMap(({ name, explanation, fault }) => {
    if (!isLocal(fault) || seen.has(explanation)) return [];
    seen.add(explanation);
    return [{ name, explanation, fault: { window: fault } }];
  });
}

function isLocal({ q, k, v, dO, mask, savedLse, delta, windowShare }: Fault): boolean {
  const elsewhere = [q, k, v, dO].some((source) => source?.at !== undefined || source?.from === 'o');
  return !elsewhere && !mask && !savedLse && delta !== 'saved' && !windowShare;
}
