import type { Geometry, ImageContext, ImageVariant, OtherGrid } from '../imageFault.js';
import { used, uses } from './uses.js';

/** Padding at another side, of other tokens, after the shift or before it, or not at all. */
export function paddings(context: ImageContext): ImageVariant[] {
  const { problem } = context;
  const { grid, Himg, Wimg, C, padding, L } = problem;
  const { paddedHeight, paddedWidth, rollBeforePadding } = grid;
  const [Wh, Ww] = grid.windowSize;
  const variants: ImageVariant[] = [];
  const [ph, pw] = [paddedHeight - Himg, paddedWidth - Wimg];
  const place = (name: string, explanation: string, geometry: Geometry, isBrief = true) => {
    for (const use of uses(context, isBrief)) {
      variants.push({ name, explanation: `${explanation}, for ${use.text}`, fault: used(use, geometry) });
    }
  };
  if (problem.hasPadding) {
    if (rollBeforePadding) {
      const text = 'padding goes before the shift (as in torchvision), where rollBeforePadding asks for it after';
      place('padding_before_roll', text, { rollBeforePadding: false });
    } else {
      const text = 'the shift goes before padding: right for timm, which rollBeforePadding says, and wrong without it';
      place('roll_before_padding', text, { rollBeforePadding: true });
    }
    const half = (n: number) => Math.floor(n / 2);
    const sides: [string, string, readonly [number, number]][] = [
      ['padding_at_top_left', 'padding is above and to the left', [ph, pw]],
      ['padding_at_top', 'padding is above', [ph, 0]],
      ['padding_at_left', 'padding is to the left', [0, pw]],
      ['padding_at_both_sides', 'padding is at both sides', [half(ph), half(pw)]],
      ['padding_at_both_sides', 'padding is at both sides, the larger half first', [ph - half(ph), pw - half(pw)]],
      ['padding_at_both_sides', 'padding is above and below', [half(ph), 0]],
      ['padding_at_both_sides', 'padding is to the left and right', [0, half(pw)]],
      ['padding_axes_swapped', 'padding above and left has height and width exchanged', [pw, ph]],
    ];
    for (const [name, text, origin] of sides) {
      if (origin[0] + origin[1] === 0) continue;
      place(name, text, { origin });
    }
    for (const [beyond, text] of [
      ['nearest', 'padding repeats the nearest token'],
      ['mirrored', 'padding mirrors the image'],
      ['symmetric', 'padding mirrors the image with its last token'],
      ['wrapped', 'padding goes on at the other side of the image'],
    ] as const) {
      for (const of of [['q', 'k', 'v'], ['k', 'v'], ['k'], ['v']] as const) {
        const fault = used({ kind: 'read', text: '', of }, { beyond });
        variants.push({ name: `padding_${beyond}`, explanation: `${text}, for ${of.join(', ')}`, fault });
      }
    }
    const values = (name: string, explanation: string, of: (channel: number) => number) =>
      variants.push({ name, explanation, fault: { padding: Float64Array.from(padding, (_, at) => of(at)) } });
    if (padding.some((value) => value !== 0)) {
      values('padding_qkv_ignored', 'padded tokens are zeros: paddingQkv is ignored', () => 0);
      for (const [part, name] of ['q', 'k', 'v'].entries()) {
        const has = (channel: number) => Math.floor(channel / C) === part;
        values('padding_qkv_ignored', `${name} of padded tokens is zero: paddingQkv is ignored there`, (at) =>
          has(at) ? 0 : (padding[at] as number),
        );
        values('padding_qkv_ignored', `${name} alone takes paddingQkv in padded tokens`, (at) =>
          has(at) ? (padding[at] as number) : 0,
        );
      }
      values('padding_qkv_twice', 'paddingQkv is added twice', (at) => 2 * (padding[at] as number));
      values('padding_qkv_sign', 'paddingQkv is subtracted', (at) => -(padding[at] as number));
      values(
        'padding_qkv_rotated',
        'padded tokens take paddingQkv in the order k|v|q',
        (at) => padding[(at + C) % (3 * C)] as number,
      );
      values(
        'padding_qkv_rotated',
        'padded tokens take paddingQkv in the order v|q|k',
        (at) => padding[(at + 2 * C) % (3 * C)] as number,
      );
    }
    for (const value of [1, -1, 1e-6, 100]) {
      values('padding_value', `padded tokens are ${value}`, () => value);
    }
  }
  const windows = (
    name: string,
    explanation: string,
    height: number,
    width: number,
    size: readonly [number, number],
  ) => {
    if (height <= 0 || width <= 0 || height % size[0] !== 0 || width % size[1] !== 0) return;
    const same = height === paddedHeight && width === paddedWidth && size[0] === Wh && size[1] === Ww;
    if (same) return;
    const other: OtherGrid = { windowSize: size, paddedHeight: height, paddedWidth: width, nW: (height * width) / L };
    variants.push({ name, explanation, fault: { grid: other, mask: () => undefined } });
  };
  const up = (n: number, by: number) => Math.ceil(n / by) * by;
  const down = (n: number, by: number) => Math.floor(n / by) * by;
  if (grid.shiftSize[0] === 0 && grid.shiftSize[1] === 0) {
    const full = 'an axis that windows divide is padded by a whole window';
    windows('padding_by_a_window', full, down(Himg, Wh) + Wh, down(Wimg, Ww) + Ww, [Wh, Ww]);
    windows('padding_by_a_window', `${full}, the height alone`, down(Himg, Wh) + Wh, paddedWidth, [Wh, Ww]);
    windows('padding_by_a_window', `${full}, the width alone`, paddedHeight, down(Wimg, Ww) + Ww, [Wh, Ww]);
    const floor = 'tokens beyond the last whole window are left out';
    windows('padding_missing', floor, down(Himg, Wh), down(Wimg, Ww), [Wh, Ww]);
    windows('padding_missing', `${floor}, along the height`, down(Himg, Wh), paddedWidth, [Wh, Ww]);
    windows('padding_missing', `${floor}, along the width`, paddedHeight, down(Wimg, Ww), [Wh, Ww]);
    windows('window_axes_swapped', 'windows have height and width exchanged', up(Himg, Ww), up(Wimg, Wh), [Ww, Wh]);
  }
  return variants;
}
