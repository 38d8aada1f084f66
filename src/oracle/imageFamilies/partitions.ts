import type { Geometry, ImageContext, ImageVariant } from '../imageFault.js';
import { inverted, modulo, orders, permuted } from '../imageLayout.js';
import { type Use, used, uses } from './uses.js';

/** The partition into windows, or its inverse, with its axes in another order. */
export function partitions(context: ImageContext): ImageVariant[] {
  const { grid } = context.problem;
  const [Wh, Ww] = grid.windowSize;
  const [rows, columns] = [grid.paddedHeight / Wh, grid.paddedWidth / Ww];
  const variants: ImageVariant[] = [];
  const add = (name: string, explanation: string, partition: Int32Array, wanted: (use: Use) => boolean) => {
    // Kept, for a geometry is one object for many faults.
    const geometry: Geometry = { partition: () => partition };
    for (const use of uses(context).filter(wanted)) {
      variants.push({ name, explanation: `${explanation}, for ${use.text}`, fault: used(use, geometry) });
    }
  };
  const axes = ['row of windows', 'row', 'column of windows', 'column'];
  const views: [string, number[]][] = [
    ['', [rows, Wh, columns, Ww]],
    [', viewed with rows and columns of windows exchanged', [columns, Wh, rows, Ww]],
    [', viewed with height and width exchanged', [columns, Ww, rows, Wh]],
    [', viewed as windows of the other height and width', [rows, Ww, columns, Wh]],
  ];
  const seen = new Set([permuted([rows, Wh, columns, Ww], [0, 2, 1, 3]).join()]);
  const fresh = (table: Int32Array) => {
    const key = table.join();
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  };
  for (const [view, dims] of views) {
    for (const order of orders(4)) {
      const partition = permuted(dims, order);
      if (!fresh(partition)) continue;
      const name = view === '' ? nameOf(order) : 'partition_order';
      const words = order.map((axis) => axes[axis]).join(', ');
      add(name, `windows are cut in the order ${words}${view}`, partition, () => true);
    }
  }
  // A reverse that is no inverse of any of these partitions.
  const reverses: [string, number[]][] = [
    ['', [rows, columns, Wh, Ww]],
    [', viewed with rows and columns of windows exchanged', [columns, rows, Wh, Ww]],
    [', viewed with height and width exchanged', [columns, rows, Ww, Wh]],
    [', viewed with rows and columns of a window exchanged', [rows, columns, Ww, Wh]],
  ];
  for (const [view, dims] of reverses) {
    for (const order of orders(4)) {
      const partition = inverted(permuted(dims, order));
      if (!fresh(partition)) continue;
      const text = `windows are put back by view and permute in the order ${order.join(', ')}${view}`;
      add('reverse_order', text, partition, ({ kind }) => kind !== 'read');
    }
  }
  return variants;
}

function nameOf(order: readonly number[]): string {
  const names: Readonly<Record<string, string>> = {
    '2,0,1,3': 'windows_in_column_order',
    '2,0,3,1': 'height_and_width_exchanged',
    '0,2,3,1': 'tokens_transposed',
    '0,1,2,3': 'windows_not_permuted',
  };
  return names[order.join()] ?? 'partition_order';
}

/** Whole windows, images, and tokens of a window exchanged. */
export function exchanges(context: ImageContext): ImageVariant[] {
  const { B, nW, L, grid } = context.problem;
  const [Wh, Ww] = grid.windowSize;
  const columns = grid.paddedWidth / Ww;
  const rows = nW / columns;
  const variants: ImageVariant[] = [];
  const add = (name: string, explanation: string, geometry: Geometry) => {
    for (const use of uses(context)) {
      variants.push({ name, explanation: `${explanation}, for ${use.text}`, fault: used(use, geometry) });
    }
  };
  const unit = (name: string, text: string, of: (b: number, w: number) => number) => {
    const is = Array.from({ length: B * nW }, (_, u) => of(Math.floor(u / nW), u % nW));
    if (is.some((to, u) => to !== u)) add(name, text, { unit: (u) => is[u] as number });
  };
  if (B > 1) {
    const image = (name: string, text: string, of: (b: number) => number) => unit(name, text, (b, w) => of(b) * nW + w);
    image('images_reversed', 'the images of the batch are reversed', (b) => B - 1 - b);
    image('images_exchanged', 'the images are taken for the next ones', (b) => (b + 1) % B);
    image('images_exchanged', 'the images are taken for the ones before', (b) => (b + B - 1) % B);
    image('first_image_for_all', 'the first image stands for all', () => 0);
    image('last_image_for_all', 'the last image stands for all', () => B - 1);
    unit('images_innermost', 'windows are counted with the images innermost', (b, w) => {
      const u = b * nW + w;
      return (u % B) * nW + Math.floor(u / B);
    });
    unit(
      'images_innermost',
      'windows counted with the images outermost are taken for innermost ones',
      (b, w) => w * B + b,
    );
    unit('other_images_missing', 'no image but the first is there', (b, w) => (b === 0 ? w : -1));
  }
  const window = (name: string, text: string, of: (w: number) => number) => unit(name, text, (b, w) => b * nW + of(w));
  window('windows_reversed', 'the windows of an image are reversed', (w) => nW - 1 - w);
  window(
    'windows_reversed',
    'the rows of windows are reversed',
    (w) => (rows - 1 - Math.floor(w / columns)) * columns + (w % columns),
  );
  window(
    'windows_reversed',
    'the columns of windows are reversed',
    (w) => Math.floor(w / columns) * columns + columns - 1 - (w % columns),
  );
  window('windows_in_snake_order', 'every other row of windows is reversed', (w) => {
    const [y, x] = [Math.floor(w / columns), w % columns];
    return y * columns + (y % 2 ? columns - 1 - x : x);
  });
  for (const [text, by] of [
    ['next', 1],
    ['one before', -1],
    ['next row of', columns],
    ['row before of', -columns],
  ] as const) {
    window('windows_exchanged', `windows are taken for the ${text} windows`, (w) => modulo(w + by, nW));
  }
  window('first_window_for_all', 'the first window stands for all', () => 0);
  window('last_row_for_first', 'the last row of windows is taken for the one before it', (w) =>
    w >= nW - columns && rows > 1 ? w - columns : w,
  );
  window('last_column_for_first', 'the last column of windows is taken for the one before it', (w) =>
    w % columns === columns - 1 && columns > 1 ? w - 1 : w,
  );
  const token = (name: string, text: string, of: (l: number) => number) => {
    if (Array.from({ length: L }, (_, l) => of(l)).some((to, l) => to !== l)) add(name, text, { token: of });
  };
  token('tokens_reversed', 'the tokens of a window are reversed', (l) => L - 1 - l);
  token('tokens_reversed', 'the rows of a window are reversed', (l) => (Wh - 1 - Math.floor(l / Ww)) * Ww + (l % Ww));
  token('tokens_reversed', 'the columns of a window are reversed', (l) => Math.floor(l / Ww) * Ww + Ww - 1 - (l % Ww));
  for (const [text, by] of [
    ['next', 1],
    ['one before', -1],
    ['one below', Ww],
    ['one above', -Ww],
  ] as const) {
    token('tokens_exchanged', `tokens of a window are taken for the ${text}`, (l) => modulo(l + by, L));
  }
  if (Wh !== Ww) {
    token(
      'tokens_transposed',
      'the tokens of a window are counted as if height and width were exchanged',
      (l) => (l % Wh) * Ww + Math.floor(l / Wh),
    );
  }
  return variants;
}
