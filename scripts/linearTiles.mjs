// The register tiles of linear layers, of float32 and of int8 weights.
import { PAIRS, pointers, product, range } from './tileProduct.mjs';

/**
 * `Y[r, :] = X[r, :] Wᵀ + bias + added[r, :]` for tiles of `rows` rows, a chunk of the inputs and one panel of 8 outputs.
 * @param {number} rows
 */
function linearPanel(rows) {
  return [
    `/** Y (${rows} · tiles, outputs of a panel) = X (${rows} · tiles, depth) · packed weights + bias + added; each 0 for none. */`,
    `export function linearPanel${rows}(tiles: i32, a: usize, aStride: usize, panel: usize, depth: i32, bias: usize, added: usize, outputs: i32, o: usize, oStride: usize): void {`,
    ...linearTiles(rows, product(rows, 1), []),
    '}',
  ];
}

/**
 * `linearPanel` for rows of int16 and a panel of int16 `[depth][8][2]`: exact int32 sums, times the row's scale and the
 * output's.
 * @param {number} rows
 */
function linearInt8Panel(rows) {
  return [
    `/** Y (${rows} · tiles, outputs of a panel) = xScales · wScales · X (${rows} · tiles, depth pairs) · panel + bias + added. */`,
    `export function linearInt8Panel${rows}(tiles: i32, a: usize, aStride: usize, xScales: usize, panel: usize, depth: i32, wScales: usize, bias: usize, added: usize, outputs: i32, o: usize, oStride: usize): void {`,
    ...linearTiles(rows, product(rows, 1, PAIRS), [
      'const w0 = v128.load(wScales), w1 = v128.load(wScales, 16);',
      ...range(rows).flatMap((r) => [
        `const s${r} = v128.load32_splat(xScales, ${r * 4});`,
        ...[0, 1].map((v) => `c${r}${v} = f32x4.mul(f32x4.convert_i32x4_s(c${r}${v}), f32x4.mul(s${r}, w${v}));`),
      ]),
      `xScales += ${rows * 4};`,
    ]),
    '}',
  ];
}

/**
 * The loop over tiles that all linear layers share: `sums`, made floats by `scaling`, plus bias and what was there.
 * @param {number} rows
 * @param {string[]} sums
 * @param {string[]} scaling
 */
function linearTiles(rows, sums, scaling) {
  const cells = range(rows).flatMap((r) => [0, 1].map((v) => ({ r, v })));
  const walk = (
    /** @type {string} */ pointer,
    /** @type {(c: string, offset: number, v: number) => string} */ visit,
  ) => [
    `let row = ${pointer};`,
    ...cells.flatMap(({ r, v }) => [...(r > 0 && v === 0 ? ['row += oStride;'] : []), visit(`c${r}${v}`, v * 16, v)]),
  ];
  const add = (/** @type {string} */ c, /** @type {number} */ offset) =>
    `${c} = f32x4.add(${c}, v128.load(row, ${offset}));`;
  return [
    'const panelBytes: usize = 0;',
    'for (; tiles > 0; tiles--) {',
    'let left = depth;',
    ...pointers(rows, 1),
    ...sums,
    ...scaling,
    'if (bias) {',
    'const y0 = v128.load(bias), y1 = v128.load(bias, 16);',
    ...cells.map(({ r, v }) => `c${r}${v} = f32x4.add(c${r}${v}, y${v});`),
    '}',
    'if (added) {',
    ...walk('added', add),
    `added += ${rows} * oStride;`,
    '}',
    'if (outputs >= 8) {',
    ...walk('o', (c, offset) => `v128.store(row, ${c}, ${offset});`),
    '} else {',
    ...walk('o', (c, _, v) => (v === 0 ? '' : `storePartial(row, ${c.slice(0, 2)}0, ${c}, outputs);`)),
    '}',
    `a += ${rows} * aStride;`,
    `o += ${rows} * oStride;`,
    '}',
  ];
}

/** Lines of the module that the kernels of linear layers import. */
export const linearSource = [
  "import { multiplyAdd, storePartial } from '../../assembly/lanes';",
  ...[4, 1].flatMap(linearPanel),
  ...[4, 1].flatMap(linearInt8Panel),
];
