import { type Geometry, type ImageProblem, type OtherGrid, OUTSIDE, PADDED, ZEROS } from './imageFault.js';

/** Token b · Himg · Wimg + y · Wimg + x of token l of window u of the batch, or `PADDED`, `OUTSIDE`, `ZEROS`. */
export type Layout = (u: number, l: number) => number;

export function layoutOf(problem: ImageProblem, geometry: Geometry, other: OtherGrid | undefined): Layout {
  const { B, L, Himg, Wimg } = problem;
  const grid = other ?? problem.grid;
  const { nW } = grid;
  const table = tableOf(problem, geometry, grid);
  const { unit, token } = geometry;
  return (u, l) => {
    const of = unit ? unit(u) : u;
    const image = Math.floor(of / nW);
    if (image < 0 || image >= B) return OUTSIDE;
    const at = table[(of - image * nW) * L + (token ? token(l) : l)] as number;
    return at < 0 ? at : image * Himg * Wimg + at;
  };
}

/** y · Wimg + x of every token of an image's windows. */
function tableOf(problem: ImageProblem, geometry: Geometry, grid: OtherGrid): Int32Array {
  const { Himg, Wimg } = problem;
  const { paddedHeight, paddedWidth } = grid;
  const [sy, sx] = geometry.shift ?? problem.grid.shiftSize;
  const [top, left] = geometry.origin ?? [0, 0];
  const rollsFirst = geometry.rollBeforePadding ?? problem.grid.rollBeforePadding;
  const { beyond } = geometry;
  const along = (at: number, shift: number, before: number, size: number, padded: number) => {
    if (geometry.isShiftOpen && (at + shift < 0 || at + shift >= (rollsFirst ? size : padded))) return ZEROS;
    const place = (rollsFirst ? at : modulo(at + shift, padded)) - before;
    const inside = within(place, size, beyond);
    return inside >= 0 && rollsFirst ? modulo(inside + shift, size) : inside;
  };
  const partition = geometry.partition?.() ?? partitionOf(grid);
  return partition.map((at) => {
    if (at < 0) return at;
    const y = along(Math.floor(at / paddedWidth), sy, top, Himg, paddedHeight);
    const x = along(at % paddedWidth, sx, left, Wimg, paddedWidth);
    if (y === ZEROS || x === ZEROS) return ZEROS;
    return y < 0 || x < 0 ? PADDED : y * Wimg + x;
  });
}

function within(place: number, size: number, beyond: Geometry['beyond']): number {
  if (place >= 0 && place < size) return place;
  if (beyond === 'nearest') return place < 0 ? 0 : size - 1;
  if (beyond === 'wrapped') return modulo(place, size);
  if (beyond === 'mirrored' || beyond === 'symmetric') {
    const twice = beyond === 'symmetric' ? 1 : 0;
    const mirrored = place < 0 ? -place - twice : 2 * (size - 1) - place + twice;
    return mirrored >= 0 && mirrored < size ? mirrored : PADDED;
  }
  return PADDED;
}

/** The right partition: windows row by row, and their tokens. */
export function partitionOf({ windowSize: [Wh, Ww], paddedHeight, paddedWidth }: OtherGrid): Int32Array {
  const [rows, columns] = [Math.floor(paddedHeight / Wh), Math.floor(paddedWidth / Ww)];
  return permuted([rows, Wh, columns, Ww], [0, 2, 1, 3]);
}

/** What `view(dims).permute(order)` of consecutive numbers holds. */
export function permuted(dims: readonly number[], order: readonly number[]): Int32Array {
  const strides = dims.map((_, i) => dims.slice(i + 1).reduce((all, size) => all * size, 1));
  const count = dims.reduce((all, size) => all * size, 1);
  const result = new Int32Array(count);
  const index = order.map(() => 0);
  for (let at = 0; at < count; at++) {
    let from = 0;
    for (let i = 0; i < order.length; i++) from += (index[i] as number) * (strides[order[i] as number] as number);
    result[at] = from;
    for (let i = order.length - 1; i >= 0; i--) {
      index[i] = (index[i] as number) + 1;
      if ((index[i] as number) < (dims[order[i] as number] as number)) break;
      index[i] = 0;
    }
  }
  return result;
}

/** Which number each is at: the inverse of a permutation. */
export function inverted(permutation: Int32Array): Int32Array {
  const inverse = new Int32Array(permutation.length);
  permutation.forEach((to, from) => {
    inverse[to] = from;
  });
  return inverse;
}

/** All orders of 0 … count − 1, the ascending one first. */
export function orders(count: number): number[][] {
  if (count === 0) return [[]];
  return orders(count - 1)
    .flatMap((rest) => Array.from({ length: count }, (_, i) => [...rest.slice(0, i), count - 1, ...rest.slice(i)]))
    .sort((a, b) => (a.join() < b.join() ? -1 : 1));
}

export function modulo(a: number, n: number): number {
  return ((a % n) + n) % n;
}
