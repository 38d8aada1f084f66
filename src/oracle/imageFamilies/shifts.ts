import type { ImageContext, ImageFault, ImageVariant } from '../imageFault.js';
import { modulo } from '../imageLayout.js';
import { maskOfShift } from './masks.js';
import { type Use, used, uses } from './uses.js';

type Shift = readonly [number, number];
interface NamedShift {
  readonly kind: string;
  readonly text: string;
  readonly shift: Shift;
}

/** Windows up to this size have every shift tried. */
const EVERY = 8;

/** The cyclic shift, or the one back, of another sign, amount or axis. */
export function shifts(context: ImageContext): ImageVariant[] {
  const { problem } = context;
  const { shiftSize: right, windowSize } = problem.grid;
  const named = namedShifts(context);
  const variants: ImageVariant[] = [];
  const add = (use: Use, { kind, text, shift }: NamedShift, mask?: ImageFault['mask']) => {
    const back = use.kind === 'stored';
    const beside = mask ? ', and the mask is made for it' : '';
    variants.push({
      name: `${back ? 'reverse_shift' : 'shift'}_${kind}`,
      explanation: `the ${back ? 'shift back' : 'shift'} of ${use.text} ${text}: by [${shift.join(', ')}] in place of [${right.join(', ')}]${beside}`,
      fault: { ...used(use, { shift }), ...(mask && { mask }) },
    });
  };
  const maskFor = ([y, x]: Shift) => maskOfShift(problem, [modulo(y, windowSize[0]), modulo(x, windowSize[1])]);
  const [all, ...others] = uses(context);
  for (const shift of named) add(all as Use, shift);
  for (const use of others) for (const shift of named) add(use, shift);
  for (const shift of named) add(all as Use, shift, maskFor(shift.shift));
  for (const use of right[0] + right[1] > 0 ? uses(context) : []) {
    const explanation = `the shift of ${use.text} is not cyclic: zeros move in where tokens of the other side should`;
    variants.push({ name: 'shift_not_cyclic', explanation, fault: used(use, { isShiftOpen: true }) });
  }
  variants.push(...rollsOfOtherAxes(context));
  const [Wh, Ww] = windowSize;
  if (Math.max(Wh, Ww) > EVERY) return variants;
  const seen = new Set(named.map(({ shift }) => shift.join()));
  for (let y = -Wh; y <= Wh; y++) {
    for (let x = -Ww; x <= Ww; x++) {
      if (seen.has(`${y},${x}`) || (y === right[0] && x === right[1])) continue;
      const shift: NamedShift = { kind: 'amount', text: 'is of another amount', shift: [y, x] };
      for (const use of uses(context, true)) add(use, shift);
      add(all as Use, shift, maskFor(shift.shift));
    }
  }
  return variants;
}

/** A roll that counts the axes of the image from another one: over batch and height, or over width and channels. */
function rollsOfOtherAxes(context: ImageContext): ImageVariant[] {
  const { B, C, nW, grid } = context.problem;
  const [sy, sx] = grid.shiftSize;
  if (sy === 0 && sx === 0) return [];
  const name = 'shift_of_other_axes';
  const ofBatch = uses(context, true).map((use): ImageVariant => {
    const unit = (u: number) => modulo(Math.floor(u / nW) + sy, B) * nW + (u % nW);
    const explanation = `the shift of ${use.text} is along batch and height in place of height and width`;
    return { name, explanation, fault: used(use, { shift: [sx, 0], unit }) };
  });
  if (context.output !== 'o') return ofBatch;
  // What is read is qkv, what is stored the output: each has channels of its own.
  const rolled = (count: number) => Int32Array.from({ length: count }, (_, channel) => modulo(channel + sx, count));
  const ofChannels = uses(context, true).map((use): ImageVariant => {
    const explanation = `the shift of ${use.text} is along width and channels in place of height and width`;
    const fault: ImageFault = {
      ...used(use, { shift: [0, sy] }),
      ...(use.kind !== 'stored' && { channels: rolled(3 * C) }),
      ...(use.kind !== 'read' && { outputChannels: rolled(C) }),
    };
    return { name, explanation, fault };
  });
  return [...ofBatch, ...ofChannels];
}

function namedShifts({ problem }: ImageContext): NamedShift[] {
  const { askedShift: asked, grid } = problem;
  const {
    shiftSize: [sy, sx],
    windowSize: [Wh, Ww],
  } = grid;
  const half = (n: number) => Math.floor(n / 2);
  const of = (kind: string, text: string, shift: Shift): NamedShift => ({ kind, text, shift });
  const list = [
    of('missing', 'is missing', [0, 0]),
    of('reversed', 'has the wrong sign', [-sy, -sx]),
    of('of_height_only', 'is along the height alone', [sy, 0]),
    of('of_width_only', 'is along the width alone', [0, sx]),
    of('axes_swapped', 'has height and width exchanged', [sx, sy]),
    of('axes_swapped', 'has height and width exchanged and the wrong sign', [-sx, -sy]),
    of('reversed', 'has the wrong sign along the height', [-sy, sx]),
    of('reversed', 'has the wrong sign along the width', [sy, -sx]),
    of('twice', 'is applied twice', [2 * sy, 2 * sx]),
    of('twice', 'is applied twice with the wrong sign', [-2 * sy, -2 * sx]),
    of('twice', 'is applied twice along the height', [2 * sy, sx]),
    of('twice', 'is applied twice along the width', [sy, 2 * sx]),
    of('along_covered_axis', 'is kept along an axis that one window covers', asked),
    of('half', 'is half of it', [half(sy), half(sx)]),
    of('half', 'is half of it, rounded up', [Math.ceil(sy / 2), Math.ceil(sx / 2)]),
    of('of_half_window', 'is half a window', [half(Wh), half(Ww)]),
    of('of_half_window', 'is half a window with the wrong sign', [-half(Wh), -half(Ww)]),
    of('of_half_window', 'is half a window of the other axis', [half(Ww), half(Wh)]),
    of('of_window', 'is a whole window', [Wh, Ww]),
    of('of_window', 'is a whole window of the other axis', [Ww, Wh]),
    of('of_rest_of_window', 'is the window less the shift', [Wh - sy, Ww - sx]),
    of('of_height_twice', 'takes that of the height for both axes', [sy, sy]),
    of('of_width_twice', 'takes that of the width for both axes', [sx, sx]),
    ...[1, -1].flatMap((by) => [
      of('off_by_one', `is ${by} off`, [sy + by, sx + by]),
      of('off_by_one', `is ${by} off along the height`, [sy + by, sx]),
      of('off_by_one', `is ${by} off along the width`, [sy, sx + by]),
    ]),
  ];
  const seen = new Set([`${sy},${sx}`]);
  // −0 and 0 are the same shift.
  return list.flatMap((named) => {
    const shift: Shift = [named.shift[0] + 0, named.shift[1] + 0];
    if (seen.has(shift.join())) return [];
    seen.add(shift.join());
    return [{ ...named, shift }];
  });
}
