// Writes build/assembly/tiles.ts: the register tiles of every matrix product in `assembly/`.
// A tile keeps rows × 8 (or 16) sums in registers. AssemblyScript has no way to unroll a loop over local variables, so
// the loop bodies are written out here, the way XNNPACK generates its GEMM kernels from templates.
import { mkdirSync, writeFileSync } from 'node:fs';

/** Tiles of 4 rows, and of 2 and 1 for what is left of a window: these take two panels at a time, to have sums enough. */
const TILES = [
  { rows: 4, panels: 1 },
  { rows: 2, panels: 2 },
  { rows: 1, panels: 2 },
];
const UNROLL = 4;

const range = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => i);

/** What a step of `product` multiplies: a float32, or a pair of int16 whose products are summed in int32. */
const FLOATS = {
  zero: 'f32x4.splat(0)',
  accumulate: (/** @type {string} */ x, /** @type {string} */ y, /** @type {string} */ c) =>
    `multiplyAdd(${x}, ${y}, ${c})`,
};
const PAIRS = {
  zero: 'i32x4.splat(0)',
  accumulate: (/** @type {string} */ x, /** @type {string} */ y, /** @type {string} */ c) =>
    `i32x4.add(${c}, i32x4.dot_i16x8_s(${x}, ${y}))`,
};

/**
 * `c{r}{v} = Σ_k A[r, k] · B[k, 4v…4v+3]` for `rows` rows of A at `a{r}` and `panels` packed panels of B at `b{p}`, each
 * 8 wide: A is broadcast element by element (of 4 bytes), B is streamed in order. `left` ≥ 1 counts the k; the pointers
 * end up to UNROLL short of the end, `left` telling how much.
 * @param {number} rows
 * @param {number} panels
 */
function product(rows, panels, { zero, accumulate } = FLOATS) {
  const vectors = range(2 * panels);
  const step = (/** @type {number} */ u) => [
    ...vectors.map((v) => `const y${v} = v128.load(b${v >> 1}, ${u * 32 + (v & 1) * 16});`),
    ...range(rows).flatMap((r) => [
      `const x${r} = v128.load32_splat(a${r}, ${u * 4});`,
      ...vectors.map((v) => `c${r}${v} = ${accumulate(`x${r}`, `y${v}`, `c${r}${v}`)};`),
    ]),
  ];
  return [
    ...range(rows).flatMap((r) => vectors.map((v) => `let c${r}${v} = ${zero};`)),
    'while (true) {',
    // The exits part the unrolled steps: within one block, V8 would load the operands of all of them first, and spill.
    ...range(UNROLL).flatMap((u) => ['{', ...step(u), '}', `if (left == ${u + 1}) break;`]),
    `left -= ${UNROLL};`,
    ...range(rows).map((r) => `a${r} += ${UNROLL * 4};`),
    ...range(panels).map((p) => `b${p} += ${UNROLL * 32};`),
    '}',
  ];
}

/** Pointers `a{r}` to rows of A, `b{p}` to panels of B. */
const pointers = (/** @type {number} */ rows, /** @type {number} */ panels) => [
  ...range(rows).map((r) => `let a${r} = a + ${r} * aStride;`),
  ...range(panels).map((p) => `let b${p} = panel + ${p} * panelBytes;`),
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

const source = [
  '// Generated by scripts/generateTiles.mjs.',
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
const linearSource = [
  '// Generated by scripts/generateTiles.mjs.',
  "import { multiplyAdd, storePartial } from '../../assembly/lanes';",
  ...[4, 1].flatMap(linearPanel),
  ...[4, 1].flatMap(linearInt8Panel),
];
mkdirSync(new URL('../build/assembly/', import.meta.url), { recursive: true });
writeFileSync(new URL('../build/assembly/tiles.ts', import.meta.url), `${source.join('\n')}\n`);
writeFileSync(new URL('../build/assembly/linearTiles.ts', import.meta.url), `${linearSource.join('\n')}\n`);
