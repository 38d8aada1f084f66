import { describe, expect, it } from 'vitest';
import { makeTally, SUM } from '../src/oracle/tally.js';
import { partOf, verdictOf } from '../src/oracle/verdict.js';

const EPSILON = 2 ** -10;
const LARGEST = 4;

/** The verdict on a tensor of one element, from what was gathered of it; of its only row where `row` is given. */
function verdict(figures: { error: number; naive: number; noise?: number }, row = figures, allowed?: { atol: number }) {
  const tally = makeTally({ row: 1 });
  const { error, naive, noise = 0 } = figures;
  Object.assign(tally, {
    error,
    naive,
    noise,
    plain: naive,
    largest: LARGEST,
    worst: 0,
    actualAtWorst: 5,
    expectedAtWorst: 4,
  });
  tally.sums[SUM.count] = 1;
  const slice = tally.slices.row;
  if (!slice) throw new Error('no slice');
  slice.error[0] = row.error;
  slice.naive[0] = row.naive;
  slice.noise[0] = row.noise ?? 0;
  slice.largest[0] = LARGEST;
  if (allowed) tally.beyond = error > allowed.atol ? 1 : 0;
  return verdictOf([partOf(tally, [1])], { epsilon: EPSILON, allowed: allowed && { ...allowed, rtol: 0 } });
}

describe('the rule', () => {
  const naive = 0.25;
  const least = 2 * naive + EPSILON * LARGEST;
  const above = (x: number) => x * (1 + 2 ** -50);

  it('allows twice the naive error and one rounding of the largest value, and not a bit more', () => {
    expect(verdict({ error: least, naive })).toMatchObject({ pass: true, tolerance: least, mismatches: 0, slices: [] });
    expect(verdict({ error: above(least), naive })).toMatchObject({ pass: false, tolerance: least, mismatches: 1 });
  });

  it('allows four deviations of expected rounding where those are more', () => {
    const noise = naive ** 2;
    const tolerance = 4 * naive + EPSILON * LARGEST;
    expect(verdict({ error: tolerance, naive, noise })).toMatchObject({ pass: true, tolerance });
    expect(verdict({ error: above(tolerance), naive, noise }).pass).toBe(false);
    expect(verdict({ error: least, naive, noise: (naive / 2) ** 2 }).tolerance).toBe(least);
    expect(verdict({ error: least, naive, noise: (naive / 2) ** 2 * (1 + 2 ** -20) }).tolerance).toBeGreaterThan(least);
  });

  it('holds each slice to the same by itself', () => {
    const whole = { error: 1, naive: 1 };
    expect(verdict(whole, { error: least, naive }).slices).toEqual([]);
    const [slice, ...others] = verdict(whole, { error: above(least), naive }).slices;
    expect(others).toEqual([]);
    expect(slice).toEqual({ axis: 'row', index: 0, maxAbsError: above(least), tolerance: least });
    expect(verdict(whole, { error: above(least), naive }).pass).toBe(false);
  });

  it('gives way to the tolerance of a caller', () => {
    expect(verdict({ error: 3, naive }, { error: 3, naive }, { atol: 3 })).toMatchObject({ pass: true, tolerance: 3 });
    expect(verdict({ error: above(3), naive }, { error: 3, naive }, { atol: 3 })).toMatchObject({
      pass: false,
      mismatches: 1,
    });
  });
});
