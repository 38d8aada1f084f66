import { describe, expect, it } from 'vitest';
import { diagnose } from '../src/oracle/index.js';
import { float32Tensor } from '../src/tensor/tensor.js';
import { randomNumbers } from './support/arbitraries.js';
import { type PlantedCase, plantedCase } from './support/plantedKernel.js';

/** Row of the window that a tiled kernel reads for row `lane` of tile `tile`; below 0, or behind the window, zeros. */
type Read = (tile: number, lane: number) => number;
interface Reads {
  readonly k?: Read;
  readonly v?: Read;
  readonly q?: Read;
  /** Bias and mask along the keys. */
  readonly scores?: Read;
}

/** Window attention over tiles of keys with online softmax, rows of the last tile padded: no step is shared with the oracle. */
function tiledKernel({ B, H, L, D, nW, inputs }: PlantedCase, size: number, reads: Reads) {
  const { q, k, v, bias, mask, scale } = inputs;
  const o = new Float32Array(B * H * L * D);
  const lse = new Float32Array(B * H * L);
  const own: Read = (tile, lane) => tile * size + lane;
  const { k: keyRow = own, v: valueRow = own, q: queryRow = own, scores: scoreColumn = own } = reads;
  const load = (x: Float32Array, unit: number, row: number, d: number) =>
    row >= 0 && row < L ? (x[(unit * L + row) * D + d] as number) : 0;
  for (let unit = 0; unit < B * H; unit++) {
    const [b, h] = [Math.floor(unit / H), unit % H];
    for (let i = 0; i < L; i++) {
      const query = queryRow(Math.floor(i / size), i % size);
      let [max, total] = [Number.NEGATIVE_INFINITY, 0];
      const sums = new Float64Array(D);
      for (let tile = 0; tile * size < L; tile++) {
        const scores = Array.from({ length: size }, (_, lane) => {
          if (tile * size + lane >= L) return Number.NEGATIVE_INFINITY;
          let dot = 0;
          for (let d = 0; d < D; d++) dot += load(q.data, unit, query, d) * load(k.data, unit, keyRow(tile, lane), d);
          const j = scoreColumn(tile, lane);
          if (j < 0 || j >= L) return dot * scale;
          const added = (bias.data[(h * L + i) * L + j] as number) + (mask.data[((b % nW) * L + i) * L + j] as number);
          return dot * scale + added;
        });
        const next = Math.max(max, ...scores);
        const alpha = Math.exp(max - next);
        total *= alpha;
        for (let d = 0; d < D; d++) sums[d] = (sums[d] as number) * alpha;
        for (const [lane, score] of scores.entries()) {
          const p = Math.exp(score - next);
          if (p === 0) continue;
          total += p;
          for (let d = 0; d < D; d++) sums[d] = (sums[d] as number) + p * load(v.data, unit, valueRow(tile, lane), d);
        }
        max = next;
      }
      for (let d = 0; d < D; d++) o[(unit * L + i) * D + d] = (sums[d] as number) / total;
      lse[unit * L + i] = max + Math.log(total);
    }
  }
  return { o: float32Tensor([B, H, L, D], o), lse: float32Tensor([B, H, L], lse) };
}

/** Tiles that a loop takes for its own, `count` being how many there are; each is one that rows or keys may be read at. */
const WRONG: Record<string, (size: number, L: number, count: number) => Read> = {
  'the tile before, from the third on': (size) => (tile, lane) => (tile >= 2 ? tile - 1 : tile) * size + lane,
  'one tile twice in place of the next': (size, _, count) => (tile, lane) =>
    (tile === count - 1 ? tile - 1 : tile) * size + lane,
  'the next tile, wrapped': (size, L) => (tile, lane) => (tile * size + lane + size) % L,
  'the next tile, the last one itself': (size, _, count) => (tile, lane) => Math.min(tile + 1, count - 1) * size + lane,
  'the next tile, the first one last': (size, _, count) => (tile, lane) => ((tile + 1) % count) * size + lane,
  'the next tile, clamped to the window': (size, L) => (tile, lane) => Math.min((tile + 1) * size + lane, L - 1),
  'the first tile for all': () => (_, lane) => lane,
  'the last tile for all': (size, _, count) => (__, lane) => (count - 1) * size + lane,
  'tiles in reverse order': (size, _, count) => (tile, lane) => (count - 1 - tile) * size + lane,
  'every other tile twice': (size) => (tile, lane) => (tile - (tile % 2)) * size + lane,
};
const OPERANDS: Record<string, (read: Read) => Reads> = {
  k: (read) => ({ k: read }),
  v: (read) => ({ v: read }),
  'k, v': (read) => ({ k: read, v: read }),
  'k, bias, mask': (read) => ({ k: read, scores: read }),
};

describe('diagnose', () => {
  // Shapes with three tiles and more, so that no two of these faults are the same.
  const next = randomNumbers(29);
  const upTo = (min: number, max: number) => min + Math.floor(((next() + 1) / 2) * (max - min + 1) * 0.999);
  const cases = Object.keys(WRONG).flatMap((wrong) =>
    Object.keys(OPERANDS).map((operand) => {
      const size = [8, 16][upTo(0, 1)] as number;
      const L = upTo(2 * size + 1, size === 8 ? 40 : 50);
      return { wrong, operand, size, L, D: upTo(8, 24), H: upTo(1, 3), seed: upTo(1, 1e6) };
    }),
  );

  it.each(cases)('explains $operand of $wrong: tiles of $size of $L keys, $H heads of $D', (drawn) => {
    const { wrong, operand, size, L, D, H, seed } = drawn;
    const problem = plantedCase(seed, [2, H, L, D], 2);
    const read = (WRONG[wrong] as (typeof WRONG)[string])(size, L, Math.ceil(L / size));
    const outputs = tiledKernel(problem, size, (OPERANDS[operand] as (typeof OPERANDS)[string])(read));
    const [first] = diagnose(problem.inputs, outputs.o);
    expect(first?.explanation).toMatch(new RegExp(`^${operand} (is|are) read `));
    expect(first?.residual).toBeLessThan(1e-4);
    if (!operand.startsWith('k') || operand.includes('v')) return;
    // Keys in another order, with all that belongs to them, leave logsumexp right.
    const { lse } = diagnose(problem.inputs, { o: outputs.o, lse: outputs.lse });
    expect(lse?.[0]?.residual ?? 0).toBeLessThan(1e-4);
  });
});
