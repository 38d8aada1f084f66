import type { Variant } from '../faults.js';

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
