import protobuf from 'protobufjs';

// The messages and field numbers of onnx.proto that the graphs of the benchmarks need.
const ROOT = protobuf
  .parse(
    `syntax = "proto3"; package onnx;
  message AttributeProto { string name = 1; float f = 2; int64 i = 3; repeated int64 ints = 8; int32 type = 20; }
  message NodeProto {
    repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
    repeated AttributeProto attribute = 5; string domain = 7;
  }
  message StringStringEntryProto { string key = 1; string value = 2; }
  message TensorProto {
    repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9;
    repeated StringStringEntryProto external_data = 13; int32 data_location = 14;
  }
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
const EXTERNAL = 1;

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
  readonly domain?: string;
}

/** An ONNX model of one output `o`; `inputs`, `output`: dims. */
export function onnxModel(
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
      name: 'benchmark',
      node: nodes.map(({ op, inputs: input, output: to, attributes, domain }, i) => ({
        name: `${op}_${i}`,
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

function attribute(name: string, value: number | readonly number[]): object {
  if (typeof value !== 'number') return { name, ints: value, type: 7 };
  return Number.isInteger(value) ? { name, i: value, type: 2 } : { name, f: value, type: 1 };
}

/** A float32 constant in the model's own file. */
export function floatConstant(name: string, dims: readonly number[], data: Float32Array): object {
  const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, dims, data_type: FLOAT, raw_data };
}

/** A float32 constant in a file beside the model. */
export function externalConstant(name: string, dims: readonly number[], file: string, offset: number): object {
  const length = 4 * dims.reduce((product, dim) => product * dim, 1);
  const external_data = Object.entries({ location: file, offset, length }).map(([key, value]) => ({
    key,
    value: String(value),
  }));
  return { name, dims, data_type: FLOAT, data_location: EXTERNAL, external_data };
}

/** A vector of int64: a shape, or axes. */
export function integersConstant(name: string, values: readonly number[]): object {
  const raw_data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, dims: [values.length], data_type: INT64, raw_data };
}
