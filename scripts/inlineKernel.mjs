// Writes the kernels, compressed, as text to build/wasm/inline.js; src/kernel/inlineKernel.ts reads it.
import { readFileSync, writeFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';

/** Bytes in common that are worth a copy, and how much longer a copy from far away has to be. */
const SHORTEST = 3;
const FAR = 8;
/** How far from the end of the last copy the next one is looked for first. */
const NEAR = 6;

const plain = readFileSync('build/wasm/simd.wasm');
const relaxed = readFileSync('build/wasm/relaxed-simd.wasm');
const text = deflateRawSync(Buffer.concat([plain, Buffer.from(editsBetween(plain, relaxed))]), {
  level: 9,
  memLevel: 9,
});
writeFileSync(
  'build/wasm/inline.js',
  `export const deflated = '${text.toString('base64')}';\nexport const plainLength = ${plain.length};\n`,
);
writeFileSync(
  'build/wasm/inline.d.ts',
  'export declare const deflated: string;\nexport declare const plainLength: number;\n',
);

/**
 * "hex skip length" items that make `to` of `from`, the longest copies first found.
 * @param {Buffer} from
 * @param {Buffer} to
 */
function editsBetween(from, to) {
  /** @type {Map<string, number[]>} */
  const starts = new Map();
  const key = (/** @type {Buffer} */ bytes, /** @type {number} */ at) => bytes.toString('latin1', at, at + SHORTEST);
  for (let i = 0; i + SHORTEST <= from.length; i++) starts.set(key(from, i), [...(starts.get(key(from, i)) ?? []), i]);
  const common = (/** @type {number} */ x, /** @type {number} */ y) => {
    let length = 0;
    while (x + length < from.length && y + length < to.length && from[x + length] === to[y + length]) length++;
    return length;
  };
  const edits = [];
  let inserted = '';
  let expected = 0;
  for (let at = 0; at < to.length; ) {
    let best = { length: 0, start: 0 };
    for (let start = Math.max(0, expected - NEAR); start <= expected + NEAR; start++) {
      const length = common(start, at);
      if (length > best.length) best = { length, start };
    }
    if (best.length < SHORTEST) {
      for (const start of starts.get(key(to, at)) ?? []) {
        const length = common(start, at);
        if (length > best.length + FAR) best = { length, start };
      }
    }
    if (best.length < SHORTEST) {
      inserted += to.toString('hex', at, at + 1);
      at++;
      continue;
    }
    edits.push(`${inserted} ${best.start - expected} ${best.length}`);
    inserted = '';
    at += best.length;
    expected = best.start + best.length;
  }
  if (inserted) edits.push(`${inserted} 0 0`);
  return edits.join(';');
}
