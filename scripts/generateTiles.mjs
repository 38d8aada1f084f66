// Writes build/assembly/tiles.ts: the register tiles of every matrix product in `assembly/`.
// A tile keeps ROWS × 8 sums in registers. AssemblyScript has no way to unroll a loop over local variables, so the
// loop bodies are written out here, the way XNNPACK generates its GEMM kernels from templates.
import { mkdirSync, writeFileSync } from 'node:fs';

/** Every count ≥ 12 is 5a + 4b, so these heights cover a window's rows without recomputing or padding any. */
const TILE_ROWS = [5, 4, 1];
const UNROLL = 4;
/**
 * Features summed before they join the score: the report's chunk. Sums of sums lose fewer bits than one long sum, so
 * heads up to `ONE_CHUNK` wide, where that is no matter, are one chunk.
 */
const CHUNK_DIM = 16;
const ONE_CHUNK = 32;

const range = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => i);

/**
 * `c{r}{v} = Σ_k A[r, k] · B[k, 4v…4v+3]` for `rows` rows of A (row stride `aStride` bytes) and a packed panel B of
 * `vectors` v128 a row: A is broadcast element by element, B is streamed in order.
 * @param {number} rows
 * @param {number} vectors
 */
function product(rows, vectors) {
  const step = (/** @type {number} */ u) => [
    ...range(vectors).map((v) => `b${v} = v128.load(b, ${(u * vectors + v) * 16});`),
    ...range(rows).flatMap((r) => [
      `x = v128.load32_splat(a${r}, ${u * 4});`,
      ...range(vectors).map((v) => `c${r}${v} = multiplyAdd(x, b${v}, c${r}${v});`),
    ]),
  ];
  return [
    ...range(rows).flatMap((r) => range(vectors).map((v) => `let c${r}${v} = f32x4.splat(0);`)),
    `let ${range(vectors)
      .map((v) => `b${v}: v128`)
      .join(', ')}, x: v128;`,
    'while (true) {',
    // The exits part the unrolled steps: within one block, V8 would load the operands of all of them first, and spill.
    ...range(UNROLL).flatMap((u) => [...step(u), `if (left == ${u + 1}) break;`]),
    `left -= ${UNROLL};`,
    ...range(rows).map((r) => `a${r} += ${UNROLL * 4};`),
    `b += ${UNROLL * vectors * 16};`,
    '}',
  ];
}

/** Pointers to the rows of A. */
const rowPointers = (/** @type {number} */ rows) => range(rows).map((r) => `let a${r} = a + ${r} * aStride;`);

/**
 * Adds a chunk's share to a tile of scores, and after the last chunk bias and mask, and −∞ past the last key.
 * @param {number} rows
 * @param {number} vectors
 * @param {boolean} isTail
 */
function addToScores(rows, vectors, isTail) {
  const cells = range(rows).flatMap((r) => range(vectors).map((v) => ({ r, v })));
  const add = (/** @type {string} */ matrix, /** @type {string} */ stride) => [
    `let row = ${matrix} + at;`,
    ...cells.flatMap(({ r, v }) => [
      ...(r > 0 && v === 0 ? [`row += ${stride};`] : []),
      `c${r}${v} = f32x4.add(c${r}${v}, v128.load(row, ${v * 16}));`,
    ]),
  ];
  const last = range(rows).map((r) => `c${r}${vectors - 1}`);
  return [
    'if (!isFirst) {',
    ...add('s', 'sStride'),
    '}',
    'if (rest == 0) {',
    ...['bias', 'mask'].flatMap((matrix) => [`if (${matrix}) {`, ...add(matrix, 'rowBytes'), '}']),
    ...(isTail ? last.map((c) => `${c} = v128.bitselect(${c}, f32x4.splat(-Infinity), lanes);`) : []),
    '}',
    'let row = s + at;',
    ...cells.flatMap(({ r, v }) => [
      ...(r > 0 && v === 0 ? ['row += sStride;'] : []),
      `v128.store(row, c${r}${v}, ${v * 16});`,
    ]),
  ];
}

/**
 * `S[r, :] = Q[r, :] Kᵀ + bias[r, :] + mask[r, :]` for `rows` queries and all L keys: Algorithm 1's first loop, the
 * score tile going through memory between chunks of the feature dimension.
 * @param {number} rows
 */
function scorePanel(rows) {
  const tile = (/** @type {number} */ vectors, /** @type {boolean} */ isTail) => [
    'let isFirst = true, rest = depth;',
    ...rowPointers(rows),
    'do {',
    'const chunk = min(rest, chunkDim);',
    'let left = chunk;',
    ...product(rows, vectors),
    // Past the exit, the pointers have not moved for the last block of steps.
    ...range(rows).map((r) => `a${r} += <usize>left << 2;`),
    `b += <usize>left * ${vectors * 16};`,
    'rest -= chunk;',
    ...addToScores(rows, vectors, isTail),
    'isFirst = false;',
    '} while (rest > 0);',
  ];
  return [
    `/** S (${rows}, L) = Q (${rows}, D) · packed keys + bias + mask; bias or mask 0 for none. */`,
    `export function scorePanel${rows}(a: usize, aStride: usize, keys: usize, depth: i32, L: i32, bias: usize, mask: usize, s: usize, sStride: usize): void {`,
    'const rowBytes = <usize>L << 2;',
    'const wideEnd = <usize>(L & ~7) << 2;',
    `const chunkDim = depth > ${ONE_CHUNK} ? ${CHUNK_DIM} : depth;`,
    'let b = keys;',
    'let at: usize = 0;',
    'for (; at < wideEnd; at += 32) {',
    ...tile(2, false),
    '}',
    'const tail = L & 7;',
    'if (tail == 0) return;',
    'const lanes = tailLanes(L);',
    'if (tail > 4) {',
    ...tile(2, true),
    '} else {',
    ...tile(1, true),
    '}',
    '}',
  ];
}

/**
 * `O[r, :] = (P[r, :] V) · inverse[r]` for `rows` queries and all D features.
 * @param {number} rows
 */
function valuePanel(rows) {
  const scaled = (/** @type {number} */ r, /** @type {number} */ v) =>
    `f32x4.mul(c${r}${v}, v128.load32_splat(inverse, ${r * 4}))`;
  return [
    `/** O (${rows}, D) = P (${rows}, L) · packed values, each row times its \`inverse\`. */`,
    `export function valuePanel${rows}(a: usize, aStride: usize, values: usize, depth: i32, D: i32, inverse: usize, o: usize, oStride: usize): void {`,
    'let panel = values;',
    'for (let features = D; features > 0; features -= 8, o += 32) {',
    'let b = panel, left = depth;',
    ...rowPointers(rows),
    ...product(rows, 2),
    'panel += <usize>depth << 5;',
    'let row = o;',
    'if (features >= 8) {',
    ...range(rows).flatMap((r) => [
      ...(r > 0 ? ['row += oStride;'] : []),
      ...range(2).map((v) => `v128.store(row, ${scaled(r, v)}, ${v * 16});`),
    ]),
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

const source = [
  '// Generated by scripts/generateTiles.mjs.',
  "import { multiplyAdd, storePartial, tailLanes } from '../../assembly/lanes';",
  ...TILE_ROWS.flatMap((rows) => [...scorePanel(rows), ...valuePanel(rows)]),
];
mkdirSync(new URL('../build/assembly/', import.meta.url), { recursive: true });
writeFileSync(new URL('../build/assembly/tiles.ts', import.meta.url), `${source.join('\n')}\n`);
