import type { DType, TensorData } from '../tensor/tensor.js';

/** The format's own limit of a header. */
export const MAX_HEADER_BYTES = 100_000_000;

/** An element type as files hold it. */
export interface StoredDType {
  readonly type: DType;
  /** Bytes of an element. */
  readonly bytes: number;
  readonly array: {
    readonly BYTES_PER_ELEMENT: number;
    new (buffer: ArrayBuffer, byteOffset: number, length: number): TensorData;
  };
}

/** The format's names of element types, https://huggingface.co/docs/safetensors. */
export const DTYPES = {
  BOOL: { type: 'bool', bytes: 1, array: Uint8Array },
  U8: { type: 'uint8', bytes: 1, array: Uint8Array },
  I8: { type: 'int8', bytes: 1, array: Int8Array },
  U16: { type: 'uint16', bytes: 2, array: Uint16Array },
  I16: { type: 'int16', bytes: 2, array: Int16Array },
  F16: { type: 'float16', bytes: 2, array: Uint16Array },
  BF16: { type: 'bfloat16', bytes: 2, array: Uint16Array },
  U32: { type: 'uint32', bytes: 4, array: Uint32Array },
  I32: { type: 'int32', bytes: 4, array: Int32Array },
  F32: { type: 'float32', bytes: 4, array: Float32Array },
  U64: { type: 'uint64', bytes: 8, array: BigUint64Array },
  I64: { type: 'int64', bytes: 8, array: BigInt64Array },
  F64: { type: 'float64', bytes: 8, array: Float64Array },
} as const satisfies Record<string, StoredDType>;

export function isStoredDType(name: string): name is keyof typeof DTYPES {
  return Object.hasOwn(DTYPES, name);
}
