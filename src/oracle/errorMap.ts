import { checkDims, checkTensor, describe, message } from '../tensor/check.js';
import { type TensorLike, toFloat64 } from '../tensor/tensor.js';
import { absoluteError } from './compare.js';

/** Side of a cell, and room for titles, in SVG's units. */
const CELL = 12;
const MARGIN = 24;
/** Cells beyond this many along an axis are joined. */
const MOST_CELLS = 64;
/** Decades below the tolerance that colours tell apart. */
const DECADES = 4;

/**
 * A picture of an output's errors `[B, H, L, D]` against the tolerance: one map of windows × heads and one of rows ×
 * columns, each cell the largest error over the other axes. White is no error, blue within the tolerance, the darker the
 * nearer, red beyond it. `axes` names those of another tensor of four, such as an image's. Returns SVG.
 * @throws TypeError for what is no float tensor, no number ≥ 0 or not four names; RangeError for dims that differ or are
 * not four.
 */
export function errorMap(
  actual: TensorLike,
  expected: TensorLike,
  tolerance: number,
  axes: readonly [string, string, string, string] = ['window', 'head', 'row', 'column'],
): string {
  const e = checkDims('expected', expected, '[B, H, L, D]', [undefined, undefined, undefined, undefined]);
  const a = checkDims('actual', checkTensor('actual', actual), '[B, H, L, D]', e.dims);
  if (typeof tolerance !== 'number' || !(tolerance >= 0)) {
    throw new TypeError(message('tolerance', 'a number ≥ 0', describe(tolerance)));
  }
  if (!Array.isArray(axes) || axes.length !== 4 || !axes.every((axis) => typeof axis === 'string')) {
    throw new TypeError(message('axes', 'four names', describe(axes)));
  }
  const [B, H, L, D] = e.dims as [number, number, number, number];
  const [actuals, expecteds] = [toFloat64(a), toFloat64(e)];
  const windows = new Grid(axes[1], H, axes[0], B);
  const rows = new Grid(axes[3], D, axes[2], L);
  actuals.forEach((x, at) => {
    // No error is none, of a tolerance of 0 too.
    const error = absoluteError(x, expecteds[at] as number) / (tolerance || Number.MIN_VALUE);
    const row = Math.floor(at / D);
    windows.add(Math.floor(row / L) % H, Math.floor(row / (L * H)), error);
    rows.add(at % D, row % L, error);
  });
  const width = Math.max(windows.width, rows.width);
  const height = windows.height + rows.height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="10">`,
    ...windows.draw(0),
    ...rows.draw(windows.height),
    '</svg>',
  ].join('\n');
}

/** Largest errors over tolerance, by two axes. */
class Grid {
  readonly #columns: number;
  readonly #rows: number;
  readonly #errors: Float64Array;

  constructor(
    private readonly across: string,
    private readonly sizeAcross: number,
    private readonly down: string,
    private readonly sizeDown: number,
  ) {
    this.#columns = Math.min(sizeAcross, MOST_CELLS);
    this.#rows = Math.min(sizeDown, MOST_CELLS);
    this.#errors = new Float64Array(this.#columns * this.#rows);
  }

  get width(): number {
    return this.#columns * CELL + 2 * MARGIN;
  }

  get height(): number {
    return this.#rows * CELL + 2 * MARGIN;
  }

  add(x: number, y: number, error: number): void {
    const column = Math.floor((x * this.#columns) / this.sizeAcross);
    const at = Math.floor((y * this.#rows) / this.sizeDown) * this.#columns + column;
    if (error > (this.#errors[at] as number)) this.#errors[at] = error;
  }

  draw(top: number): string[] {
    const title = `${this.down} 0 to ${this.sizeDown - 1} down, ${this.across} 0 to ${this.sizeAcross - 1} across`;
    const cells = Array.from(this.#errors, (error, at) => {
      const x = MARGIN + (at % this.#columns) * CELL;
      const y = top + MARGIN + Math.floor(at / this.#columns) * CELL;
      const shown = `${error.toPrecision(3)} of the tolerance`;
      return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="${colourOf(error)}"><title>${shown}</title></rect>`;
    });
    return [`<text x="${MARGIN}" y="${top + MARGIN - 6}">${title}</text>`, ...cells];
  }
}

function colourOf(error: number): string {
  if (error > 1) return error > 100 ? '#8b0000' : '#e34a33';
  const closeness = error === 0 ? 0 : Math.max(0, 1 + Math.log10(error) / DECADES);
  return `hsl(210 70% ${(97 - 45 * closeness).toFixed(0)}%)`;
}
