import type { Fault, FaultContext, OperandName, Source, Variant } from '../faults.js';
import { type At, type Place, ZERO } from '../place.js';
import { places } from './places.js';

const WORDS: Record<OperandName, string> = { q: 'query', k: 'key', v: 'value', dO: 'output gradient' };
const SETS: readonly (readonly OperandName[])[] = [['q'], ['k'], ['v'], ['k', 'v'], ['q', 'k'], ['q', 'k', 'v']];
const GRADIENT_SETS: readonly (readonly OperandName[])[] = [['dO'], ['q', 'dO']];

/** An operand, or several alike, read at another place. */
export function operandsElsewhere({ problem, output }: FaultContext): Variant[] {
  const own = places(problem, problem.nW);
  const isGradient = output.startsWith('d');
  const sets = [...SETS, ...(isGradient ? GRADIENT_SETS : [])].filter((set) => output !== 'lse' || !set.includes('v'));
  return own.flatMap((place) => sets.map((set) => elsewhere(set, place)));
}

function elsewhere(set: readonly OperandName[], place: Place): Variant {
  const words = set
    .map((name) => WORDS[name])
    .join('_and_')
    .replaceAll(' ', '_');
  const isTail = place.name === 'feature_tail_dropped' || place.name === 'only_first_chunk';
  const isOfScores = !set.includes('v') && !set.includes('dO');
  return {
    name: isTail && isOfScores ? 'feature_tail_dropped' : `${words}_${place.name}`,
    explanation: `${set.join(', ')} ${set.length > 1 ? 'are' : 'is'} read ${place.text}`,
    fault: sources(set, { at: place.at }),
  };
}

function sources(set: readonly OperandName[], source: Source): Fault {
  return Object.fromEntries(set.map((name) => [name, source]));
}

/** One operand taken for another. */
export function operandsExchanged({ output }: FaultContext): Variant[] {
  const isGradient = output.startsWith('d');
  const from = (name: OperandName, other: OperandName | 'o'): Variant => ({
    name: `${other === 'o' ? 'output' : WORDS[other].replace(' ', '_')}_for_${WORDS[name].replace(' ', '_')}`,
    explanation: `${other} is used as ${name}`,
    fault: { [name]: { from: other } },
  });
  return [
    {
      name: 'key_value_swapped',
      explanation: 'keys are used as values and values as keys',
      fault: { k: { from: 'v' }, v: { from: 'k' } },
    },
    {
      name: 'query_value_swapped',
      explanation: 'queries are used as values and values as queries',
      fault: { q: { from: 'v' }, v: { from: 'q' } },
    },
    {
      name: 'query_key_swapped',
      explanation: 'queries are used as keys and keys as queries',
      fault: { q: { from: 'k' }, k: { from: 'q' } },
    },
    {
      name: 'operands_rotated',
      explanation: 'q, k, v are read in the order k, v, q',
      fault: { q: { from: 'k' }, k: { from: 'v' }, v: { from: 'q' } },
    },
    {
      name: 'operands_rotated',
      explanation: 'q, k, v are read in the order v, q, k',
      fault: { q: { from: 'v' }, k: { from: 'q' }, v: { from: 'k' } },
    },
    from('v', 'k'),
    from('k', 'v'),
    from('k', 'q'),
    from('q', 'k'),
    from('v', 'q'),
    from('q', 'v'),
    ...(isGradient ? [from('dO', 'o'), from('v', 'o'), from('dO', 'v'), from('v', 'dO')] : []),
  ];
}

/** The bias read at another place, or not at all. */
export function biasElsewhere({ problem }: FaultContext): Variant[] {
  if (!problem.bias) return [];
  const { H, L, B } = problem;
  const side = Math.round(Math.sqrt(L));
  const isSquare = side > 1 && side * side === L;
  const turned = (i: number) => (i % side) * side + Math.floor(i / side);
  const right = (h: number, i: number, j: number) => (h * L + i) * L + j;
  const variant = (name: string, explanation: string, bias: At): Variant => ({ name, explanation, fault: { bias } });
  const both = (name: string, text: string, of: (i: number) => number) =>
    variant(name, text, (_, h, i, j) => right(h, of(i), of(j)));
  return [
    variant('bias_ignored', 'the bias is not added', () => ZERO),
    variant('bias_transposed', 'the bias is added with queries and keys exchanged', (_, h, i, j) => right(h, j, i)),
    ...(isSquare
      ? [
          both(
            'tokens_column_major',
            'tokens of a window are numbered by columns where the bias numbers them by rows',
            turned,
          ),
        ]
      : []),
    both('bias_reversed', 'the bias is added with queries and keys in reverse order', (i) => L - 1 - i),
    both('bias_shifted', 'the bias is added one query and one key further', (i) => (i + 1) % L),
    both('bias_shifted', 'the bias is added one query and one key before', (i) => (i + L - 1) % L),
    ...(isSquare
      ? Array.from({ length: side - 1 }, (_, s) => s + 1).map((s) =>
          both(
            'bias_rolled',
            `the bias is added with tokens rolled by ${s} along both axes`,
            (i) => ((Math.floor(i / side) + s) % side) * side + (((i % side) + s) % side),
          ),
        )
      : []),
    ...places({ B: 1, H, L, D: L }, 0).map((place) =>
      variant(
        `bias_${place.name === 'layout_BHDL' ? 'transposed' : place.name}`,
        `the bias is read ${place.text.replaceAll('feature', 'key').replaceAll('row', 'query row')}`,
        place.at,
      ),
    ),
    ...(B > 1 && H > 1
      ? [
          variant('bias_of_window', 'the bias is that of the head of the number of the window', (b, _h, i, j) =>
            right(b % H, i, j),
          ),
        ]
      : []),
  ];
}

/** The mask read at another place, or not at all. */
export function maskElsewhere({ problem }: FaultContext): Variant[] {
  if (!problem.mask) return [];
  const { B, H, L, nW } = problem;
  const side = Math.round(Math.sqrt(nW));
  const isSquare = side * side === nW;
  const right = (w: number, i: number, j: number) => (w * L + i) * L + j;
  const variant = (name: string, explanation: string, mask: At): Variant => ({ name, explanation, fault: { mask } });
  const ofWindow = (name: string, explanation: string, of: (w: number, b: number) => number) =>
    variant(name, explanation, (b, _, i, j) => {
      const w = of(b % nW, b);
      return w === ZERO ? ZERO : right(w, i, j);
    });
  const wrong = 'mask_window_index_wrong';
  const windows =
    nW > 1
      ? [
          ofWindow(
            wrong,
            "a window adds the mask of the number of windows before it, over the batch's images",
            (_, b) => Math.floor((b * nW) / B),
          ),
          ofWindow(wrong, 'every window adds the mask of the first', () => 0),
          ofWindow(wrong, 'a window adds the mask of the next', (w) => (w + 1) % nW),
          ofWindow(wrong, 'a window adds the mask of the one before', (w) => (w + nW - 1) % nW),
          ofWindow(wrong, 'every window adds the mask of the last', () => nW - 1),
          ofWindow(wrong, 'a window adds the mask of the number of its image', (_, b) => Math.floor(b / nW) % nW),
          ...[H, L].map((n) =>
            ofWindow(wrong, 'a window adds the mask of half its number', (w) => Math.floor(w / 2) % Math.max(n, nW)),
          ),
          ...(isSquare
            ? [
                ofWindow(
                  wrong,
                  'a window adds the mask of the window across the diagonal',
                  (w) => (w % side) * side + Math.floor(w / side),
                ),
              ]
            : []),
          ...[2, 3, 4]
            .filter((n) => n < nW)
            .map((n) => ofWindow(wrong, `a window adds the mask of its number modulo ${n}`, (w) => w % n)),
          ofWindow(
            'shift_reversed',
            'the windows of the mask run backwards, as if the image were shifted the other way',
            (w) => nW - 1 - w,
          ),
          ofWindow('border_mask_missing', 'the mask is not added to the last window', (w) => (w === nW - 1 ? ZERO : w)),
          ...(isSquare
            ? [
                ofWindow('border_mask_missing', 'the mask is not added to the last row of windows', (w) =>
                  w >= nW - side ? ZERO : w,
                ),
                ofWindow('border_mask_missing', 'the mask is not added to the last column of windows', (w) =>
                  w % side === side - 1 ? ZERO : w,
                ),
                ofWindow('border_mask_missing', 'the mask is added to the last window alone', (w) =>
                  w === nW - 1 ? w : ZERO,
                ),
              ]
            : []),
          ofWindow('mask_of_first_image_only', "the mask is added to the first image's windows alone", (w, b) =>
            b < nW ? w : ZERO,
          ),
          ofWindow('mask_of_last_image_only', "the mask is added to the last image's windows alone", (w, b) =>
            b >= B - nW ? w : ZERO,
          ),
          ...(H > 1
            ? [
                variant(
                  'mask_by_window_and_head',
                  'a window and head adds the mask of their common number',
                  (b, h, i, j) => right((b * H + h) % nW, i, j),
                ),
                variant('mask_of_head', 'a head adds the mask of the window of its number', (_, h, i, j) =>
                  right(h % nW, i, j),
                ),
                variant('mask_of_head', 'a window and head adds the mask of the sum of their numbers', (b, h, i, j) =>
                  right((b + h) % nW, i, j),
                ),
                variant(
                  'mask_by_window_and_head',
                  'a window and head adds the mask of their common number, counted through the windows of each head',
                  (b, h, i, j) => right((h * B + b) % nW, i, j),
                ),
              ]
            : []),
        ]
      : [];
  return [
    variant('mask_ignored', 'the mask is not added', () => ZERO),
    ...windows,
    variant('mask_transposed', 'the mask is added with queries and keys exchanged', (b, _, i, j) =>
      right(b % nW, j, i),
    ),
    ...places({ B: nW, H: 1, L, D: L }, nW).map(({ name, text, at }) =>
      variant(
        name === 'windows_reversed' ? 'shift_reversed' : name.includes('window') ? wrong : `mask_${name}`,
        `the mask is read ${text.replaceAll('feature', 'key').replaceAll('row', 'query row')}`,
        (b, _, i, j) => at(b % nW, 0, i, j),
      ),
    ),
    ...(L > 1
      ? [
          variant('mask_of_first_query', "the first query's mask is added to all", (b, _, __, j) =>
            right(b % nW, 0, j),
          ),
          variant('mask_of_first_key', "the first key's mask is added to all", (b, _, i) => right(b % nW, i, 0)),
        ]
      : []),
  ];
}
