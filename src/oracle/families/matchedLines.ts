import { ROUNDING } from '../hypothesis.js';
import { range, spread } from '../spread.js';
import { FEW, type StoreCandidate, type Stored, UNITS } from './stored.js';

/** Rows or columns within a window and head that hold what belongs to others of them. */
export function matchedLines({ actual, truth, axes, located }: Stored): StoreCandidate[] {
  const { L, D } = axes;
  const units = spread(located.units, UNITS);
  const candidates: StoreCandidate[] = [];
  for (const [word, lines, count, width] of [
    ['row', located.rows, L, D],
    ['column', located.columns, D, L],
  ] as const) {
    if (count < 2 || width < FEW) continue;
    const at = (unit: number, line: number, n: number) =>
      word === 'row' ? (unit * L + line) * D + n : (unit * L + n) * D + line;
    const from = new Map<number, number>();
    let [squares, scale] = [0, 0];
    let isMatched = true;
    for (const unit of units) {
      for (const line of spread(lines, 64)) {
        let best = -1;
        let least = Number.POSITIVE_INFINITY;
        let own = 0;
        // What another window showed is tried first; the same for all it must be.
        const known = from.get(line);
        for (const other of known === undefined ? range(count) : [known]) {
          let [sum, size] = [0, 0];
          for (let n = 0; n < width && sum < least; n++) {
            const [x, y] = [actual[at(unit, line, n)] as number, truth[at(unit, other, n)] as number];
            sum += (x - y) ** 2;
            size += y * y;
          }
          if (sum < least) [best, least, own] = [other, sum, size];
        }
        if (best < 0 || !(least <= (2 * ROUNDING) ** 2 * own)) {
          isMatched = false;
          break;
        }
        from.set(line, best);
        squares += least;
        scale += own;
      }
      if (!isMatched) break;
    }
    const moved = [...from].filter(([line, other]) => line !== other);
    if (!isMatched || moved.length === 0) continue;
    const shown = moved
      .slice(0, 4)
      .map(([line, other]) => `${line} holds ${other}`)
      .join(', ');
    const isSwap = moved.every(([line, other]) => from.get(other) === line);
    const isRepeated = new Set(moved.map(([, other]) => other)).size < moved.length;
    candidates.push({
      name: `${word}s_${isSwap ? 'swapped' : isRepeated ? 'repeated' : 'permuted'}`,
      explanation: `results are stored in other ${word}s than their own: ${word} ${shown}${moved.length > 4 ? ', …' : ''}`,
      residual: Math.sqrt(squares / (scale || 1)),
    });
  }
  return candidates;
}
