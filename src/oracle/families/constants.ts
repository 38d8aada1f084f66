import type { FaultyProblem } from '../faultyProblem.js';

export interface Constant {
  readonly value: number;
  readonly text: string;
}

/** Numbers that kernels multiply by, or forget to, by mistake. */
export function constants({ B, H, L, D, nW, scale }: FaultyProblem): Constant[] {
  const basic: Constant[] = [
    { value: 2, text: '2' },
    { value: Math.LOG2E, text: 'log2(e)' },
    { value: scale, text: 'the scale' },
    { value: Math.sqrt(D), text: `√${D}` },
    { value: scale * scale, text: 'the scale squared' },
    { value: Math.sqrt(scale), text: 'the root of the scale' },
    { value: D, text: 'headDim' },
    { value: L, text: 'the tokens of a window' },
    { value: Math.sqrt(L), text: 'the root of the tokens of a window' },
    { value: H, text: 'the number of heads' },
    { value: Math.sqrt(H), text: 'the root of the number of heads' },
    { value: B, text: 'the number of windows' },
    { value: Math.sqrt(B), text: 'the root of the number of windows' },
    ...(nW > 1
      ? [
          { value: nW, text: 'the windows of an image' },
          { value: B / nW, text: 'the number of images' },
        ]
      : []),
    { value: scale * Math.LOG2E, text: 'the scale times log2(e)' },
    { value: B * H, text: 'windows times heads' },
    { value: Math.sqrt(D * H), text: 'the root of all channels' },
    { value: D * H, text: 'all channels' },
    { value: Math.LN10, text: 'ln(10)' },
    { value: 4, text: '4' },
    { value: 8, text: '8' },
    { value: Math.PI, text: 'π' },
    { value: 10, text: '10' },
    { value: 100, text: '100' },
  ];
  const known = basic.filter(({ value }) => Number.isFinite(value) && value > 0 && Math.abs(value - 1) > 1e-9);
  return [...known, ...known.map(({ value, text }) => ({ value: 1 / value, text: `1 / ${text}` }))];
}

/** How far a fitted factor may be from the constant that it is named by. */
const NEAR = 0.004;

/** The constant that a factor is, if any, and its sign in words. */
export function nameOf(factor: number, problem: FaultyProblem): string | undefined {
  const size = Math.abs(factor);
  const sign = factor < 0 ? '−' : '';
  if (Math.abs(size - 1) < NEAR) return factor < 0 ? '−1' : undefined;
  const near = constants(problem)
    .filter(({ value }) => Math.abs(size / value - 1) < NEAR)
    .sort((a, b) => Math.round(1e6 * (Math.abs(size / a.value - 1) - Math.abs(size / b.value - 1))))[0];
  return near && `${sign}${near.text}`;
}
