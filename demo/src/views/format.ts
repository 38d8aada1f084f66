import type { Settings } from '../protocol.js';

export const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

/** A probability with the digits that tell small ones apart. */
export const probability = (p: number) => (p === 0 || p >= 1e-3 ? p.toFixed(4) : p.toExponential(1));

/** Two digits; numbers near to 1 as they are read. */
export const error = (value: number) =>
  value === 0 || (value >= 0.1 && value < 100) ? String(Number(value.toPrecision(2))) : value.toExponential(1);

export const milliseconds = (value: number) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;

const SIMD = { typescript: 'TypeScript', simd: 'SIMD', 'relaxed-simd': 'Relaxed SIMD' } as const;

export const simdName = (simd: Settings['simd']) => SIMD[simd];

export function settingsName(settings: Settings): string {
  return `${engineName(settings)}, ${settings.weights}`;
}

export function engineName({ simd, threads }: Omit<Settings, 'weights'>): string {
  return simd === 'typescript' ? SIMD[simd] : `${SIMD[simd]}, ${threads} thread${threads > 1 ? 's' : ''}`;
}
