import type { Shape } from '../shapes.js';
import { floatConstant, integersConstant, onnxModel } from './onnxModel.js';

/** MatMul → Mul → Add (bias) → Add (mask) → Softmax → MatMul, the mask broadcast over heads and images. */
export function decomposedGraph({ B, H, L, D, nW }: Shape): Uint8Array {
  const dims = [B, H, L, D];
  const grouped = [B / Math.max(nW, 1), nW, H, L, L];
  return onnxModel(
    [
      { op: 'Transpose', inputs: ['k'], output: 'kT', attributes: { perm: [0, 1, 3, 2] } },
      { op: 'Mul', inputs: ['q', 'scale'], output: 'scaled' },
      { op: 'MatMul', inputs: ['scaled', 'kT'], output: 'qk' },
      { op: 'Add', inputs: ['qk', 'bias'], output: 'biased' },
      ...(nW > 0
        ? [
            { op: 'Reshape', inputs: ['biased', 'grouped'], output: 'windows' },
            { op: 'Add', inputs: ['windows', 'mask'], output: 'masked' },
            { op: 'Reshape', inputs: ['masked', 'flat'], output: 'scores' },
          ]
        : []),
      { op: 'Softmax', inputs: [nW > 0 ? 'scores' : 'biased'], output: 'p', attributes: { axis: -1 } },
      { op: 'MatMul', inputs: ['p', 'v'], output: 'o' },
    ],
    { q: dims, k: dims, v: dims, bias: [1, H, L, L], ...(nW > 0 && { mask: [1, nW, 1, L, L] }) },
    dims,
    [
      floatConstant('scale', [], Float32Array.of(D ** -0.5)),
      ...(nW > 0 ? [integersConstant('grouped', grouped), integersConstant('flat', [B, H, L, L])] : []),
    ],
    17,
  );
}

/** com.microsoft.MultiHeadAttention on `[B, L, H·D]`, bias and mask in one `attention_bias`. */
export function multiHeadAttentionGraph({ B, H, L, D, nW }: Shape): Uint8Array {
  const dims = [B, L, H * D];
  return onnxModel(
    [
      {
        op: 'MultiHeadAttention',
        inputs: ['q', 'k', 'v', '', '', 'bias'],
        output: 'o',
        attributes: { num_heads: H },
        domain: 'com.microsoft',
      },
    ],
    { q: dims, k: dims, v: dims, bias: [nW > 0 ? B : 1, H, L, L] },
    dims,
    [],
    17,
  );
}

/** The Attention operator of opset 23, bias and mask in one `attn_mask`. */
export function attentionGraph({ B, H, L, D, nW }: Shape): Uint8Array {
  const dims = [B, H, L, D];
  return onnxModel(
    [{ op: 'Attention', inputs: ['q', 'k', 'v', 'bias'], output: 'o' }],
    { q: dims, k: dims, v: dims, bias: nW > 0 ? [B, H, L, L] : [H, L, L].slice(H === 1 ? 1 : 0) },
    dims,
    [],
    23,
  );
}

/** `x W + bias` with constant weights `[inputs, outputs]`, which the engine packs as it loads them. */
export function linearGraph(
  rows: number,
  inputs: number,
  outputs: number,
  w: Float32Array,
  bias: Float32Array,
): Uint8Array {
  return onnxModel(
    [{ op: 'Gemm', inputs: ['x', 'w', 'bias'], output: 'o' }],
    { x: [rows, inputs] },
    [rows, outputs],
    [floatConstant('w', [inputs, outputs], w), floatConstant('bias', [outputs], bias)],
    17,
  );
}
