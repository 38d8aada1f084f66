// The register tiles of attention: scores, outputs, and the rank updates of gradients.
import { pointers, product, range, UNROLL } from './tileProduct.mjs';

/** Tiles of 4 rows, and of 2 and 1 for what is left of a window: these take two panels at a time, to have sums enough. */
const TILES = [
  { rows: 4, panels: 1 },
  { rows: 2, panels: 2 },
  { rows: 1, panels: 2 },
];

/**
 * Adds a chunk's share to a tile of scores, and after the last chunk bias and mask, and −∞ past the last key.
 * @param {number} rows
 * @param {number} panels
 * @param {boolean} isTail
 */
function addToScores(rows, panels, isTail) {
  const cells = range(rows).flatMap((r) => range(2 * panels).map((v) => ({ r, v })));
  const last = range(rows).map((r) => `c${r}${2 * panels - 1}`);
  const walk = (
    /** @type {string} */ pointer,
    /** @type {string} */ stride,
    /** @type {(c: string, offset: number) => string} */ visit,
  ) => [
    `let row = ${pointer} + at;`,
    ...cells.flatMap(({ r, v }) => [...(r > 0 && v === 0 ? [`row += ${stride};`] : []), visit(`c${r}${v}`, v * 16)]),
  ];
  const add = (/** @type {string} */ c, /** @type {number} */ offset) =>
    `${c} = f32x4.add(${c}, v128.load(row, ${offset}));`;
  return [
    'if (!isFirst) {',
    ...walk('s', 'sStride', add),
    '}',
    'if (rest == 0) {',
    ...['bias', 'mask'].flatMap((matrix) => [`if (${matrix}) {`, ...walk(matrix, 'rowBytes', add), '}']),
    ...(isTail ? last.map((c) => `${c} = v128.bitselect(${c}, f32x4.splat(-Infinity), lanes);`) : []),
    '}',
    ...walk('s', 'sStride', (c, offset) => `v128.store(row, ${c}, ${offset});`),
  ];
}

/**
 * `S[r, :] = Q[r, :] Kᵀ + bias[r, :] + mask[r, :]` for `rows` queries and the keys in panels: Algorithm 1's first loop,
 * the score tile going through memory between chunks of the feature dimension.
 * @param {{ rows: number, panels: number }} tile
 */
function scorePanel({ rows, panels }) {
  const tile = (/** @type {number} */ count, /** @type {boolean} */ isTail) => [
    'let isFirst = true, rest = depth;',
    ...pointers(rows, count),
    'do {',
    'const chunk = min(rest, CHUNK_DIM);',
    'let left = chunk;',
    ...product(rows, count),
    ...range(rows).map((r) => `a${r} += (<usize>left) << 2;`),
    ...range(count).map((p) => `b${p} += (<usize>left) << 5;`),
    'rest -= chunk;',
    ...addToScores(rows, count, isTail),
    'isFirst = false;',
    '} while (rest > 0);',
    `panel += ${count} * panelBytes;`,
  ];
  return [
    `/** S (${rows}, L) = Q (${rows}, D) · packed keys + bias + mask; bias or mask 0 for none. */`,
    `function scorePanel${rows}(a: usize, aStride: usize, keys: usize, depth: i32, L: i32, bias: usize, mask: usize, s: usize, sStride: usize): void {`,
    'const rowBytes = (<usize>L) << 2;',
    'const wideEnd = (<usize>(L & ~7)) << 2;',
    'const panelBytes = (<usize>depth) << 5;',
    'let panel = keys;',
    'let at: usize = 0;',
    ...(panels > 1 ? ['for (; at + 32 < wideEnd; at += 64) {', ...tile(panels, false), '}'] : []),
    'for (; at < wideEnd; at += 32) {',
    ...tile(1, false),
    '}',
    'if ((L & 7) > 4) {',
    'const lanes = tailLanes(L);',
    ...tile(1, true),
    '}',
    '}',
  ];
}

/**
 * `O[r, :] = (P[r, :] V) · inverse[r]` for `rows` queries and all D features: Algorithm 1's second loop.
 * @param {{ rows: number, panels: number }} tile
 */
function valuePanel({ rows, panels }) {
  const scaled = (/** @type {number} */ r, /** @type {number} */ v) =>
    `f32x4.mul(c${r}${v}, v128.load32_splat(inverse, ${r * 4}))`;
  const tile = (/** @type {number} */ count) => [
    'let left = depth;',
    ...pointers(rows, count),
    ...product(rows, count),
    `panel += ${count} * panelBytes;`,
    'let row = o;',
  ];
  const storeWhole = (/** @type {number} */ count) =>
    range(rows).flatMap((r) => [
      ...(r > 0 ? ['row += oStride;'] : []),
      ...range(2 * count).map((v) => `v128.store(row, ${scaled(r, v)}, ${v * 16});`),
    ]);
  return [
    `/** O (${rows}, D) = P (${rows}, L) · packed values, each row times its \`inverse\`. */`,
    `function valuePanel${rows}(a: usize, aStride: usize, values: usize, depth: i32, D: i32, inverse: usize, o: usize, oStride: usize): void {`,
    'const panelBytes = (<usize>depth) << 5;',
    'let panel = values;',
    'let features = D;',
    ...(panels > 1 ? ['for (; features >= 16; features -= 16, o += 64) {', ...tile(2), ...storeWhole(2), '}'] : []),
    'for (; features > 0; features -= 8, o += 32) {',
    ...tile(1),
    'if (features >= 8) {',
    ...storeWhole(1),
    '} else {',
    ...range(rows).flatMap((r) => [
      ...(r > 0 ? ['row += oStride;'] : []),
      `storePartial(row, ${scaled(r, 0)}, ${scaled(r, 1)}, features);`,
    ]),
    '}',
    '}',
    '}',
  ];
}

/**
 * `G[j, :] += Σ_r M[r, j] · X[r, :]` for `rows` rows of M and X and all L rows of G, 8 features at a time: X stays in
 * registers while G streams through, packed `[panel][L][8]`.
 * @param {number} rows
 */
function outerPanel(rows) {
  const step = (/** @type {number} */ u) => [
    `let g0 = v128.load(g, ${u * 32});`,
    `let g1 = v128.load(g, ${u * 32 + 16});`,
    ...range(rows).flatMap((r) => [
      `const m${r} = v128.load32_splat(m${r}p, ${u * 4});`,
      `g0 = multiplyAdd(m${r}, x${r}0, g0);`,
      `g1 = multiplyAdd(m${r}, x${r}1, g1);`,
    ]),
    `v128.store(g, g0, ${u * 32});`,
    `v128.store(g, g1, ${u * 32 + 16});`,
  ];
  return [
    `/** G (L, D), packed, += Mᵀ X. M: (${rows}, L), X: (${rows}, D). */`,
    `function outerPanel${rows}(m: usize, mStride: usize, x: usize, xStride: usize, L: i32, D: i32, packed: usize): void {`,
    'let g = packed;',
    'for (let features = 0; features < D; features += 8, x += 32) {',
    ...range(rows).flatMap((r) => [
      `const x${r}0 = v128.load(x + ${r} * xStride);`,
      `const x${r}1 = v128.load(x + ${r} * xStride, 16);`,
      `let m${r}p = m + ${r} * mStride;`,
    ]),
    'let left = L;',
    `for (; left >= ${UNROLL}; left -= ${UNROLL}) {`,
    ...range(UNROLL).flatMap((u) => ['{', ...step(u), '}']),
    ...range(rows).map((r) => `m${r}p += ${UNROLL * 4};`),
    `g += ${UNROLL * 32};`,
    '}',
    'for (; left > 0; left--) {',
    ...step(0),
    ...range(rows).map((r) => `m${r}p += 4;`),
    'g += 32;',
    '}',
    '}',
    '}',
  ];
}

/**
 * The tile function for a number of rows that is known at run time.
 * @param {string} name
 * @param {string[]} parameters
 */
function dispatch(name, parameters) {
  const names = parameters.map((parameter) => parameter.split(':')[0]);
  return [
    `/** ${name}4, ${name}2 or ${name}1, for \`rows\` rows. */`,
    `export function ${name}(rows: i32, ${parameters.join(', ')}): void {`,
    ...TILES.map(({ rows }, i) => {
      const condition = i < TILES.length - 1 ? `if (rows == ${rows}) ` : '';
      return `${i > 0 ? 'else ' : ''}${condition}${name}${rows}(${names.join(', ')});`;
    }),
    '}',
  ];
}

/** Lines of the module that attention's kernels import. */
export const attentionSource = [
  "import { CHUNK_DIM, multiplyAdd, storePartial, tailLanes } from '../../assembly/lanes';",
  ...TILES.flatMap((tile) => [...scorePanel(tile), ...valuePanel(tile), ...outerPanel(tile.rows)]),
  ...dispatch('scorePanel', [
    'a: usize',
    'aStride: usize',
    'keys: usize',
    'depth: i32',
    'L: i32',
    'bias: usize',
    'mask: usize',
    's: usize',
    'sStride: usize',
  ]),
  ...dispatch('valuePanel', [
    'a: usize',
    'aStride: usize',
    'values: usize',
    'depth: i32',
    'D: i32',
    'inverse: usize',
    'o: usize',
    'oStride: usize',
  ]),
  ...dispatch('outerPanel', [
    'm: usize',
    'mStride: usize',
    'x: usize',
    'xStride: usize',
    'L: i32',
    'D: i32',
    'packed: usize',
  ]),
];
