// Every name that the oracle has for a fault, as its sources have them: the playground must plant each.
import { readFileSync } from 'node:fs';
import { checkShiftedWindowArgs } from '../../build/arguments/shiftedWindowArgs.js';
import { knownFaults } from '../../build/oracle/families/index.js';
import { imageFamilies } from '../../build/oracle/imageFamilies/index.js';
import { imageProblem } from '../../build/oracle/imageFault.js';

const NOTHING = new Float64Array(0);
/** Where results are judged as they are stored: these names stand in the text. */
const SOURCES = [
  'families/matchedUnits',
  'families/matchedLines',
  'families/storedPlaces',
  'families/addedUp',
  'families/fills',
  'families/leftovers',
  'families/unsummed',
  'families/scaledOutputs',
];
const SIZES = { B: 8, H: 2, L: 16, D: 16, nW: 4, scale: 0.25, factors: [0.25, 0.25] };
/** Parts of names, and places that have another name of their own. */
const NO_NAMES = ['window_and_head', 'window_and_heads', 'windows_and_heads', 'layout_BLHD'];
/** Kinds that read past the last window: what they return depends on what lies there. */
const OF_UNKNOWN_MEMORY = /window_stride_block/;

/** Families ask for sizes and for which inputs there are, not for numbers. */
function windowKinds() {
  const inputs = Object.fromEntries(['q', 'k', 'v', 'dO', 'bias', 'mask', 'o', 'lse'].map((name) => [name, NOTHING]));
  return [undefined, new Float64Array(SIZES.H)].flatMap((logitScale) =>
    ['o', 'lse', 'dV', 'dQ', 'dK', 'dBias', ...(logitScale ? ['dLogitScale'] : [])].flatMap((output) =>
      knownFaults({ problem: { ...SIZES, ...inputs, logitScale }, output }),
    ),
  );
}

function imageKinds() {
  const [B, Himg, Wimg, numHeads, headDim] = [2, 6, 13, 2, 4];
  const tensor = (...dims) => ({
    data: new Float64Array(dims.reduce((all, dim) => all * dim, 1)),
    dims,
    type: 'float64',
  });
  const windowSize = [4, 5];
  const shiftSize = [1, 3];
  const args = checkShiftedWindowArgs({
    qkv: tensor(B, Himg, Wimg, 3 * numHeads * headDim),
    numHeads,
    windowSize,
    shiftSize,
    relativePositionBias: tensor(numHeads, 20, 20),
    paddingQkv: tensor(3 * numHeads * headDim),
  });
  const problem = imageProblem(args, shiftSize, tensor(B, Himg, Wimg, numHeads * headDim));
  return ['o', 'dQkv', 'dRelativePositionBias'].flatMap((output) => imageFamilies({ problem, output }).flat());
}

function storedKinds() {
  return SOURCES.flatMap((name) => {
    const source = readFileSync(new URL(`../../src/oracle/${name}.ts`, import.meta.url), 'utf8');
    return [...source.matchAll(/'([a-z][a-zA-Z0-9]*(?:_[a-zA-Z0-9]+)+)'/g)].map(([, own]) => ({ name: own }));
  });
}

/** Names that a playground which plants `planted` lacks. */
export function kindsMissing(planted) {
  const all = new Set([...windowKinds(), ...imageKinds(), ...storedKinds()].map(({ name }) => name));
  const has = new Set(planted);
  return [...all].filter((name) => !has.has(name) && !NO_NAMES.includes(name) && !OF_UNKNOWN_MEMORY.test(name));
}
