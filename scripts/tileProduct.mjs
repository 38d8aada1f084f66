// The product that every register tile runs: rows of A by packed panels of B, unrolled.

/** Steps that are unrolled. */
export const UNROLL = 4;

export const range = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => i);

/** What a step of `product` multiplies: a float32, or a pair of int16 whose products are summed in int32. */
const FLOATS = {
  zero: 'f32x4.splat(0)',
  accumulate: (/** @type {string} */ x, /** @type {string} */ y, /** @type {string} */ c) =>
    `multiplyAdd(${x}, ${y}, ${c})`,
};
export const PAIRS = {
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
export function product(rows, panels, { zero, accumulate } = FLOATS) {
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
export const pointers = (/** @type {number} */ rows, /** @type {number} */ panels) => [
  ...range(rows).map((r) => `let a${r} = a + ${r} * aStride;`),
  ...range(panels).map((p) => `let b${p} = panel + ${p} * panelBytes;`),
];
