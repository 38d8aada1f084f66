import { describe, expect, it } from 'vitest';
import { Tallier } from '../src/oracle/tallier.js';
import { makeTally, SUM } from '../src/oracle/tally.js';
import { partOf, verdictOf } from '../src/oracle/verdict.js';

const EPSILON = 2 ** -10;
const LARGEST = 4;

interface Figures {
  readonly error: number;
  readonly naive: number;
  /** Whether the element's own rounding excuses its error. */
  readonly isExcused?: boolean;
}

/** The verdict on a tensor of one element, from what was gathered of it; of its only row where `row` is given. */
function verdict(figures: Figures, row = figures, allowed?: { atol: number }) {
  const tally = makeTally({ row: 1 });
  const { error, naive, isExcused } = figures;
  const place = { at: 0, actual: 5, expected: 4, rounding: error };
  Object.assign(tally, { error, naive, plain: naive, largest: LARGEST, worst: place });
  if (!isExcused) Object.assign(tally, { excess: error, worstExcess: place });
  tally.sums[SUM.count] = 1;
  const slice = tally.slices.row;
  if (!slice) throw new Error('no slice');
  slice.excess[0] = row.isExcused ? 0 : row.error;
  slice.naive[0] = row.naive;
  slice.largest[0] = LARGEST;
  if (allowed) tally.beyond = error > allowed.atol ? 1 : 0;
  return verdictOf([partOf(tally, [1])], { epsilon: EPSILON, allowed: allowed && { ...allowed, rtol: 0 } });
}

/** What is gathered of elements whose truth is `LARGEST` and whose rounding has a variance. */
function tallied(...elements: readonly { readonly error: number; readonly variance: number }[]) {
  const m = elements.length;
  const tally = makeTally({ row: 1, column: m });
  const truth = new Float64Array(m).fill(LARGEST);
  new Tallier(1, m, { precision: 11, minExponent: -14, epsilon: EPSILON }).add(tally, {
    actual: Float64Array.from(elements, ({ error }) => LARGEST + error),
    truth,
    naive: Float32Array.from(truth),
    otherNaive: Float32Array.from(truth),
    noise: Float64Array.from(elements, ({ variance }) => variance),
    at: 0,
    window: -1,
    head: -1,
    unit: -1,
  });
  return tally;
}

describe('the rule', () => {
  const naive = 0.25;
  const least = 2 * naive + EPSILON * LARGEST;
  const above = (x: number) => x * (1 + 2 ** -50);

  it('allows twice the naive error and one rounding of the largest value, and not a bit more', () => {
    expect(verdict({ error: least, naive })).toMatchObject({ pass: true, tolerance: least, mismatches: 0, slices: [] });
    expect(verdict({ error: above(least), naive })).toMatchObject({ pass: false, tolerance: least, mismatches: 1 });
  });

  it('allows an element four deviations of its own rounding and one of storing it, and no other element', () => {
    const most = 4 * 0.5 + EPSILON * LARGEST;
    const excused = tallied({ error: most, variance: 0.25 });
    expect([excused.error, excused.excess, excused.slices.row?.excess[0]]).toEqual([most, 0, 0]);
    const beyond = tallied({ error: most + 2 ** -40, variance: 0.25 });
    expect([beyond.excess, beyond.slices.row?.excess[0]]).toEqual([most + 2 ** -40, most + 2 ** -40]);
    const two = tallied({ error: 0, variance: 0.25 }, { error: 1, variance: 2 ** -20 });
    expect([two.excess, ...(two.slices.column?.excess ?? [])]).toEqual([1, 0, 1]);
    const unknown = tallied({ error: 1, variance: Number.NaN }, { error: 1, variance: Number.POSITIVE_INFINITY });
    expect([...(unknown.slices.column?.excess ?? [])]).toEqual([1, 1]);
  });

  it('passes what is excused, and says by how much', () => {
    const error = 2 * least;
    expect(verdict({ error, naive, isExcused: true })).toMatchObject({ pass: true, tolerance: error, slices: [] });
    expect(verdict({ error, naive })).toMatchObject({ pass: false, tolerance: least });
    expect(verdict({ error: least, naive, isExcused: true }).tolerance).toBe(least);
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
