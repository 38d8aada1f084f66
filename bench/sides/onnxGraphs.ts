import protobuf from 'protobufjs';
import type { Shape } from '../shapes.js';

// The messages and field numbers of onnx.proto that three small graphs need.
const ROOT = protobuf
  .parse(
    `syntax = "proto3"; package onnx;
  message AttributeProto { string name = 1; float f = 2; int64 i = 3; repeated int64 ints = 8; int32 type = 20; }
  message NodeProto {
    repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
    repeated AttributeProto attribute = 5; string domain = 7;
  }
  message TensorProto { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
  message Dimension { int64 dim_value = 1; }
  message TensorShapeProto { repeated Dimension dim = 1; }
  message TensorTypeProto { int32 elem_type = 1; TensorShapeProto shape = 2; }
  message TypeProto { TensorTypeProto tensor_type = 1; }
  message ValueInfoProto { string name = 1; TypeProto type = 2; }
  message GraphProto {
    repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12;
  }
  message OperatorSetIdProto { string domain = 1; int64 version = 2; }
  message ModelProto { int64 ir_version = 1; GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8; }`,
    { keepCase: true },
  )
  .root.lookupType('onnx.ModelProto');

const FLOAT = 1;
const INT64 = 7;

interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
  readonly domain?: string;
}

function attribute(name: string, value: number | readonly number[]): object {
  if (typeof value !== 'number') return { name, ints: value, type: 7 };
  return Number.isInteger(value) ? { name, i: value, type: 2 } : { name, f: value, type: 1 };
}

function model(
  nodes: readonly Node[],
  inputs: Readonly<Record<string, readonly number[]>>,
  output: readonly number[],
  constants: readonly object[],
  opset: number,
): Uint8Array {
  const value = (name: string, dims: readonly number[]) => ({
    name,
    type: { tensor_type: { elem_type: FLOAT, shape: { dim: dims.map((size) => ({ dim_value: size })) } } },
  });
  const message = ROOT.fromObject({
    ir_version: opset > 20 ? 11 : 8,
    opset_import: [
      { domain: '', version: opset },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'attention',
      node: nodes.map(({ op, inputs: input, output: to, attributes, domain }) => ({
        op_type: op,
        input,
        output: [to],
        domain: domain ?? '',
        attribute: Object.entries(attributes ?? {}).map(([name, v]) => attribute(name, v)),
      })),
      initializer: constants,
      input: Object.entries(inputs).map(([name, dims]) => value(name, dims)),
      output: [value('o', output)],
    },
  });
  return ROOT.encode(message).finish();
}

const scalar = (name: string, x: number) => ({
  name,
  dims: [],
  data_type: FLOAT,
  raw_data: new Uint8Array(Float32Array.of(x).buffer),
});
const shapeOf = (name: string, dims: readonly number[]) => ({
  name,
  dims: [dims.length],
  data_type: INT64,
  raw_data: new Uint8Array(BigInt64Array.from(dims, BigInt).buffer),
});

/** MatMul → Mul → Add (bias) → Add (mask) → Softmax → MatMul, the mask broadcast over heads and images. */
export function decomposedGraph({ B, H, L, D, nW }: Shape): Uint8Array {
  const dims = [B, H, L, D];
  const grouped = [B / Math.max(nW, 1), nW, H, L, L];
  return model(
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
    [scalar('scale', D ** -0.5), ...(nW > 0 ? [shapeOf('grouped', grouped), shapeOf('flat', [B, H, L, L])] : [])],
    17,
  );
}

/** com.microsoft.MultiHeadAttention on `[B, L, H·D]`, bias and mask in one `attention_bias`. */
export function multiHeadAttentionGraph({ B, H, L, D, nW }: Shape): Uint8Array {
  const dims = [B, L, H * D];
  return model(
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
  return model(
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
  const constant = (name: string, dims: readonly number[], data: Float32Array) => ({
    name,
    dims,
    data_type: FLOAT,
    raw_data: new Uint8Array(data.buffer),
  });
  return model(
    [{ op: 'Gemm', inputs: ['x', 'w', 'bias'], output: 'o' }],
    { x: [rows, inputs] },
    [rows, outputs],
    [constant('w', [inputs, outputs], w), constant('bias', [outputs], bias)],
    17,
  );
}
