import type { Family, FaultContext, Variant } from '../faults.js';
import { cosineGradients } from './cosineGradients.js';
import { deltaOfSomeRows } from './deltaRows.js';
import { scoreFactors } from './factors.js';
import { gradientProducts } from './gradientProducts.js';
import { headFactors } from './headFactors.js';
import { addedInParts, keyBands, keysRepeated } from './keyParts.js';
import { logitScaleOfAll, logitScales } from './logitScales.js';
import { logSumExpForms } from './logSumExp.js';
import { maskedScores } from './maskedScores.js';
import { norms } from './norms.js';
import { onlineSoftmax } from './onlineSoftmax.js';
import { biasElsewhere, maskElsewhere, operandsElsewhere, operandsExchanged } from './operands.js';
import { lowerTypes } from './precision.js';
import { inRecomputation, sourcesInRecomputation } from './recomputation.js';
import { savedRows } from './savedRows.js';
import { scoreGradientForms } from './scoreGradientForms.js';
import { softmaxSums } from './softmaxSums.js';
import { tilesElsewhere } from './tiles.js';

/** What a forward pass gets wrong, the likelier and simpler first. */
const FORWARD: readonly Family[] = [
  biasElsewhere,
  maskElsewhere,
  scoreFactors,
  operandsExchanged,
  maskedScores,
  softmaxSums,
  logitScales,
  logitScaleOfAll,
  norms,
  onlineSoftmax,
  operandsElsewhere,
  tilesElsewhere,
  lowerTypes,
  keysRepeated,
  addedInParts,
  keyBands,
];

/** Too many to be tried in the backward pass alone as well, or the same there. */
const NOT_RECOMPUTED: readonly Family[] = [operandsElsewhere, tilesElsewhere, lowerTypes, keyBands];

/** What changes an output by little more than rounding. */
const CLOSE: readonly Family[] = [
  logSumExpForms,
  scoreFactors,
  maskedScores,
  softmaxSums,
  norms,
  logitScales,
  scoreGradientForms,
  lowerTypes,
];

/** What a backward pass alone gets wrong. */
const BACKWARD: readonly Family[] = [
  scoreGradientForms,
  gradientProducts,
  cosineGradients,
  headFactors,
  savedRows,
  deltaOfSomeRows,
];

/** Every fault that is known, those first that leave an output near to the right one. */
export function closeFaultsFirst(context: FaultContext): Variant[] {
  return [...CLOSE.flatMap((family) => family(context)), ...knownFaults(context, CLOSE)];
}

/** Every fault that is known, for one output, the likelier and simpler first; without those of the families `but`. */
export function knownFaults(context: FaultContext, but: readonly Family[] = []): Variant[] {
  const of = (families: readonly Family[]) =>
    families.filter((family) => !but.includes(family)).flatMap((family) => family(context));
  const forward = of(FORWARD);
  if (!context.output.startsWith('d')) return [...of([logSumExpForms]), ...forward];
  const sources = [...operandsElsewhere(context), ...tilesElsewhere(context)].filter(({ fault }) => {
    return Object.keys(fault).length === 1;
  });
  const rest = FORWARD.filter((family) => !NOT_RECOMPUTED.includes(family));
  return [
    ...of(BACKWARD),
    ...forward,
    ...inRecomputation(rest.flatMap((family) => family(context))),
    ...sourcesInRecomputation(sources),
  ];
}
