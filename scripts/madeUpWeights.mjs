// Weights that follow from their names and shapes: the same bits as test/golden/made_up.py makes.

/**
 * @typedef {{ data: Float32Array, dims: number[], type: 'float32' }} MadeUpTensor
 */

/**
 * Element i is `centre + scale · u`, u = k / 2²³ − 1 with k the upper 24 bits of murmur3's finaliser of
 * (FNV-1a of the name + i · 0x9E3779B9) mod 2³², in double precision, rounded to float32.
 * @param {string} name
 * @param {number[]} dims
 * @param {number} centre
 * @param {number} scale
 * @returns {MadeUpTensor}
 */
export function madeUp(name, dims, centre, scale) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  const data = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
  for (let i = 0; i < data.length; i++) {
    let x = (hash + Math.imul(i, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    data[i] = centre + scale * (((x ^ (x >>> 16)) >>> 8) / 2 ** 23 - 1);
  }
  return { data, dims, type: 'float32' };
}

/**
 * A tensor of a model: matrices keep the size of what they are given.
 * @param {string} name
 * @param {number[]} dims
 * @returns {MadeUpTensor}
 */
export function madeUpWeight(name, dims) {
  if (name.endsWith('logit_scale')) return madeUp(name, dims, 2, 0.5);
  if (name.endsWith('relative_position_bias_table')) return madeUp(name, dims, 0, 1);
  if (dims.length === 1) return madeUp(name, dims, name.endsWith('weight') ? 1 : 0, 0.25);
  return madeUp(name, dims, 0, Math.sqrt(3 / dims.slice(1).reduce((product, dim) => product * dim, 1)));
}

/**
 * The images that the models are given: `[B, 3, H, W]`, from −2 to 2.
 * @param {number} height
 * @param {number} width
 * @param {number} B
 */
export function madeUpPixels(height, width, B = 1) {
  return madeUp('x', [B, 3, height, width], 0, 2);
}

/**
 * The largest error of `actual` at the elements that test/golden/made_up.py samples, over the largest element of all.
 * @param {ArrayLike<number>} actual
 * @param {ArrayLike<number>} sample
 * @param {number} largest
 * @param {number} count Most elements of a sample.
 */
export function errorOfSample(actual, sample, largest, count = 1000) {
  const step = Math.max(1, Math.floor(actual.length / count));
  let error = 0;
  for (let i = 0; i < sample.length; i++) {
    const difference = Math.abs(/** @type {number} */ (actual[i * step]) - /** @type {number} */ (sample[i]));
    if (!(difference <= error)) error = difference;
  }
  return error / largest;
}
