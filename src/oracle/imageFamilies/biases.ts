import type { ImageContext, ImageVariant } from '../imageFault.js';
import { modulo } from '../imageLayout.js';

/** Another element of the relative position bias, of its tokens or heads. */
export function biases({ problem }: ImageContext): ImageVariant[] {
  const { bias, H, L, grid } = problem;
  if (!bias) return [];
  const [Wh, Ww] = grid.windowSize;
  const variants: ImageVariant[] = [];
  const add = (name: string, explanation: string, of: (h: number, i: number, j: number) => number) =>
    variants.push({ name, explanation, fault: { window: { bias: (_, h, i, j) => of(h, i, j) } } });
  const at = (h: number, i: number, j: number) => (h * L + i) * L + j;
  variants.push({
    name: 'bias_missing',
    explanation: 'the relative position bias is missing',
    fault: { window: { biasFactor: 0 } },
  });
  add('bias_transposed', 'the relative position bias is transposed: the sign of both distances is flipped', (h, i, j) =>
    at(h, j, i),
  );
  const flipped = (h: number, i: number, j: number, isRow: boolean) => {
    const [y1, x1, y2, x2] = [Math.floor(i / Ww), i % Ww, Math.floor(j / Ww), j % Ww];
    return isRow ? at(h, y2 * Ww + x1, y1 * Ww + x2) : at(h, y1 * Ww + x2, y2 * Ww + x1);
  };
  add(
    'bias_sign_flipped',
    'the distance along the height has the other sign in the relative position bias',
    (h, i, j) => flipped(h, i, j, true),
  );
  add('bias_sign_flipped', 'the distance along the width has the other sign in the relative position bias', (h, i, j) =>
    flipped(h, i, j, false),
  );
  const swapped = (l: number) => (l % Ww) * Wh + Math.floor(l / Ww);
  const unswapped = (l: number) => (l % Wh) * Ww + Math.floor(l / Wh);
  for (const [of, text] of [
    [swapped, 'the relative position bias is built with height and width exchanged'],
    [unswapped, 'the relative position bias is read with height and width exchanged'],
  ] as const) {
    add('bias_axes_swapped', text, (h, i, j) => at(h, of(i), of(j)));
    add('bias_axes_swapped', `${text}, and transposed`, (h, i, j) => at(h, of(j), of(i)));
    add('bias_axes_swapped', `${text}, for queries alone`, (h, i, j) => at(h, of(i), j));
    add('bias_axes_swapped', `${text}, for keys alone`, (h, i, j) => at(h, i, of(j)));
    if (Wh === Ww) break;
  }
  const ofKey = (name: string, text: string, of: (j: number) => number) => {
    add(name, `the relative position bias is that of ${text} key`, (h, i, j) => at(h, i, of(j)));
    add(name, `the relative position bias is that of ${text} query`, (h, i, j) => at(h, of(i), j));
  };
  ofKey('bias_reversed', 'the reverse', (l) => L - 1 - l);
  ofKey('bias_of_next_token', 'the next', (l) => modulo(l + 1, L));
  ofKey('bias_of_next_token', 'the previous', (l) => modulo(l - 1, L));
  ofKey('bias_of_first_token', 'the first', () => 0);
  const head = (name: string, text: string, of: (h: number) => number) =>
    add(name, `the relative position bias is that of ${text}`, (h, i, j) => at(of(h), i, j));
  if (H > 1) {
    head('bias_of_next_head', 'the next head', (h) => (h + 1) % H);
    head('bias_of_next_head', 'the head before', (h) => (h + H - 1) % H);
    head('bias_heads_reversed', 'the heads in reverse', (h) => H - 1 - h);
    head('bias_of_first_head', 'the first head', () => 0);
    head('bias_of_last_head', 'the last head', () => H - 1);
    add(
      'bias_heads_innermost',
      'the relative position bias is read as [L, L, numHeads]',
      (h, i, j) => (i * L + j) * H + h,
    );
    add(
      'bias_heads_innermost',
      'the relative position bias is read as [L, numHeads, L]',
      (h, i, j) => (i * H + h) * L + j,
    );
  }
  for (const factor of [2, -1, problem.scale, 1 / problem.scale, 0.5]) {
    const explanation = `the relative position bias is multiplied by ${Number(factor.toPrecision(4))}`;
    variants.push({ name: 'bias_scaled', explanation, fault: { window: { biasFactor: factor } } });
  }
  return variants;
}

/** Gradients that are sums over windows, of some of them or their mean. */
export function sums({ problem, output }: ImageContext): ImageVariant[] {
  const { B, nW, grid } = problem;
  if (output === 'o' || output === 'dQkv') return [];
  const columns = grid.paddedWidth / grid.windowSize[1];
  const variants: ImageVariant[] = [];
  const add = (name: string, text: string, of: (b: number, w: number) => number) => {
    const explanation = `${output} ${text}`;
    variants.push({ name, explanation, fault: { share: (u) => of(Math.floor(u / nW), u % nW) } });
  };
  const sum = (text: string, of: (b: number, w: number) => boolean) =>
    add('sum_of_some_windows', `sums ${text}`, (b, w) => (of(b, w) ? 1 : 0));
  if (B > 1) {
    sum('the first image alone', (b) => b === 0);
    sum('the last image alone', (b) => b === B - 1);
    sum('all images but the last', (b) => b < B - 1);
    sum('all images but the first', (b) => b > 0);
    add('mean_over_images', 'is divided by the number of images', () => 1 / B);
  }
  sum('the first window of every image', (_, w) => w === 0);
  sum('the last window of every image', (_, w) => w === nW - 1);
  sum('the first window alone', (b, w) => b === 0 && w === 0);
  sum('the last window alone', (b, w) => b === B - 1 && w === nW - 1);
  sum('all windows but the last row', (_, w) => w < nW - columns);
  sum('all windows but the last column', (_, w) => w % columns < columns - 1);
  sum('all windows but the last of every image', (_, w) => w < nW - 1);
  sum(
    'all windows but those at the border below and to the right',
    (_, w) => w < nW - columns && w % columns < columns - 1,
  );
  if (nW > 1) add('mean_over_windows', 'is divided by the number of windows of an image', () => 1 / nW);
  add('mean_over_windows', 'is divided by the number of windows', () => 1 / (B * nW));
  return variants;
}
