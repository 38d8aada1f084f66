// The calls of public functions that the fuzzer starts from.
import { writeSafetensors } from '../build/safetensors/index.js';

/** @param {number[]} dims @param {any} [type] */
export const tensor = (dims, type = 'float32') => {
  const length = dims.reduce((a, b) => a * b, 1);
  const array = { float32: Float32Array, float64: Float64Array, float16: Uint16Array, bfloat16: Uint16Array }[
    /** @type {'float32'} */ (type)
  ];
  return { data: new array(length).map((_, i) => (type.endsWith('16') ? 15360 + i : Math.sin(i))), dims, type };
};
const dims = [2, 2, 4, 3];
export const window = () => ({
  q: tensor(dims),
  k: tensor(dims),
  v: tensor(dims),
  bias: tensor([2, 4, 4]),
  scale: 0.5,
});
const cosine = () => ({
  ...window(),
  scale: undefined,
  mask: tensor([2, 4, 4]),
  logitScale: tensor([2]),
  dO: tensor(dims),
});
const image = () => ({
  qkv: tensor([1, 4, 6, 12]),
  numHeads: 2,
  windowSize: [2, 3],
  shiftSize: [1, 1],
  relativePositionBias: tensor([2, 6, 6]),
  paddingQkv: tensor([12]),
});
const imageBackward = () => ({ ...image(), dO: tensor([1, 4, 6, 4]), alwaysShift: true, scale: 0.1 });

/** Every function of the root, the reference and the oracle that takes arguments of its callers. @type {[string, unknown[]][]} */
export const CALLS = [
  ['engine.forward', [window(), { lse: true }]],
  ['engine.forward', [{ ...window(), q: tensor(dims, 'float16'), k: tensor(dims, 'bfloat16'), out: tensor(dims) }, {}]],
  ['engine.backward', [cosine(), {}]],
  ['engine.shiftedWindowAttention', [image(), {}]],
  ['engine.shiftedWindowAttentionBackward', [imageBackward(), {}]],
  ['engine.tensor', [[2, 3]]],
  ['create', [{ backend: 'typescript', threads: 1, relaxed: false }]],
  ['reference.windowAttention', [window()]],
  ['reference.windowAttentionBackward', [cosine()]],
  ['reference.flashWindowAttention', [window(), { blockSize: 2 }]],
  ['reference.shiftedWindowAttention', [image()]],
  ['reference.shiftedWindowAttentionBackward', [imageBackward()]],
  ['reference.cyclicShift', [tensor([1, 3, 4, 2]), [1, -1]]],
  ['reference.gelu', [tensor([5])]],
  ['reference.layerNorm', [tensor([3, 4]), tensor([4]), tensor([4]), 1e-5]],
  ['reference.linear', [tensor([3, 4]), tensor([2, 4]), tensor([2])]],
  ['reference.relativePositionIndex', [[2, 3]]],
  ['reference.relativePositionBias', [tensor([15, 2]), [2, 3]]],
  ['reference.resizeRelativePositionBias', [tensor([15, 2]), [2, 3], [3, 3]]],
  ['reference.shiftedWindowMask', [4, 6, [2, 3], [1, 1]]],
  ['reference.windowPartition', [tensor([1, 4, 6, 2]), [2, 3]]],
  ['reference.windowReverse', [tensor([4, 2, 3, 2]), [2, 3], 4, 6]],
  [
    'reference.continuousPositionBias',
    [{ windowSize: 2, weight0: tensor([5, 2]), bias0: tensor([5]), weight2: tensor([2, 5]) }],
  ],
  ['oracle.compare', [tensor([2, 3]), tensor([2, 3]), { atol: 0, rtol: 1 }]],
  ['oracle.checkCase', [window(), { o: tensor(dims) }, { dtype: 'float16' }]],
  ['oracle.checkCase', [cosine(), { o: tensor(dims), dQ: tensor(dims), lse: tensor([2, 2, 4]) }, { atol: 1 }]],
  ['oracle.checkCase', [image(), { o: tensor([1, 4, 6, 4]) }, {}]],
  ['oracle.diagnose', [window(), tensor(dims)]],
  ['oracle.errorMap', [tensor(dims), tensor(dims), 0.1]],
  [
    'oracle.makeVectors',
    [{ shape: [1, 2, 4, 3], kind: 'random', bias: true, nW: 1, cosine: true, backward: true, seed: 3 }],
  ],
  ['readSafetensors', [writeSafetensors({ q: tensor([2]) })]],
  ['writeSafetensors', [{ q: tensor([2, 2]), k: tensor([3], 'float16') }, { scale: '1' }]],
];
