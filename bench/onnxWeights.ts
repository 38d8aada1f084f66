import protobuf from 'protobufjs';

export interface Weight {
  readonly data: Float32Array;
  readonly dims: readonly number[];
  readonly type: 'float32';
}

interface Message {
  readonly fields: ReadonlyMap<number, readonly (Uint8Array | number)[]>;
}

/** Where a graph keeps the tensors that are not in its own file. */
export interface ExternalWeights {
  readonly bytes: number;
  readonly tensors: readonly (readonly [name: string, dims: readonly number[], offset: number])[];
}

/** External weights as bytes: uniform numbers of the size that Swin is initialised with, from a fixed seed. */
export function randomWeights({ bytes }: ExternalWeights): Float32Array {
  let state = 42;
  return Float32Array.from({ length: bytes / 4 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state / 2 ** 31) * 0.035;
  });
}

/** The state dict of an ONNX graph: float32 initializers by their names in the model, and the external ones. */
export function stateDictOf(
  graphFile: Uint8Array,
  external: ExternalWeights,
  weights: Float32Array,
): Record<string, Weight> {
  const model = parse(graphFile);
  const graph = parse(model.fields.get(7)?.[0] as Uint8Array);
  const inside = (graph.fields.get(5) ?? []).flatMap((bytes): [string, Weight][] => {
    const { fields } = parse(bytes as Uint8Array);
    const raw = fields.get(9)?.[0] as Uint8Array | undefined;
    const isFloat = fields.get(2)?.[0] === 1;
    const dims = (fields.get(1) ?? []) as number[];
    if (!raw || !isFloat) return [];
    return [[text(fields.get(8)?.[0]), { data: new Float32Array(Uint8Array.from(raw).buffer), dims, type: 'float32' }]];
  });
  const outside = external.tensors.map(([name, dims, offset]): [string, Weight] => {
    const length = dims.reduce((product, dim) => product * dim, 1);
    return [name, { data: weights.subarray(offset / 4, offset / 4 + length), dims, type: 'float32' }];
  });
  const parameters = [...inside, ...outside].map(([name, weight]) => [name.replace(/^m\./, ''), weight] as const);
  return Object.fromEntries(
    parameters.filter(([name]) => /\.(weight|bias|logit_scale|relative_position_bias_table)$/.test(name)),
  );
}

/** Fields of a protobuf message, unpacked no further. */
function parse(bytes: Uint8Array): Message {
  const reader = protobuf.Reader.create(bytes);
  const fields = new Map<number, (Uint8Array | number)[]>();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const [field, wire] = [tag >>> 3, tag & 7];
    if (wire !== 0 && wire !== 2) reader.skipType(wire);
    else {
      const value = wire === 0 ? Number(reader.int64()) : reader.bytes();
      fields.set(field, [...(fields.get(field) ?? []), value]);
    }
  }
  return { fields };
}

function text(bytes: unknown): string {
  return new TextDecoder().decode(bytes as Uint8Array);
}
