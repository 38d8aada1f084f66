import { describe, message } from '../tensor/check.js';
import { product, type Tensor, type TensorData } from '../tensor/tensor.js';
import { DTYPES, isStoredDType, MAX_HEADER_BYTES, type StoredDType } from './format.js';

/** A parsed file. */
export interface SafetensorsFile {
  /** By name, in the file's order. Elements are copied where the file does not align them, and shared otherwise. */
  readonly tensors: Record<string, Tensor>;
  readonly metadata: Record<string, string>;
}

interface Entry {
  readonly name: string;
  readonly stored: StoredDType;
  readonly dims: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a safetensors file: BOOL, U8 … U64, I8 … I64, F16, BF16, F32 and F64, the half-precision types as bits in a
 * `Uint16Array`, BOOL as a `Uint8Array`.
 * Source: the safetensors format, https://huggingface.co/docs/safetensors (8-byte length, JSON header, data).
 * @throws TypeError for what is no `Uint8Array` or `ArrayBuffer`; RangeError, saying what is wrong, for a malformed
 * file: truncated, a header that is not what it claims or over 100 MB, offsets that leave the file, overlap, leave
 * holes or contradict the shape, a name twice, an unknown type.
 */
export function readSafetensors(bytes: Uint8Array | ArrayBuffer): SafetensorsFile {
  const file = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
  if (!(file instanceof Uint8Array))
    throw new TypeError(message('bytes', 'a Uint8Array or ArrayBuffer', describe(bytes)));
  const headerLength = readHeaderLength(file);
  const header = parseHeader(file.subarray(8, 8 + headerLength));
  const data = file.subarray(8 + headerLength);
  const { __metadata__: metadata, ...descriptions } = header;
  const entries = Object.entries(descriptions).map(([name, value]) => checkEntry(name, value, data.length));
  checkCoverage(entries, data.length);
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const { name, stored, dims, begin, end } of entries) {
    tensors[name] = { data: elements(data.subarray(begin, end), stored), dims, type: stored.type };
  }
  return { tensors, metadata: checkMetadata(metadata) };
}

function readHeaderLength(file: Uint8Array): number {
  if (file.length < 8) throw malformed('at least 8 bytes for the length of the header', `${file.length} bytes`);
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) throw malformed(`a header of at most ${MAX_HEADER_BYTES} bytes`, `${length}`);
  if (Number(length) > file.length - 8) {
    throw malformed(`a header of ${length} bytes`, `a file that ends after ${file.length - 8}`);
  }
  return Number(length);
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    header = JSON.parse(text);
    checkUniqueNames(text, header);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw malformed('a header of JSON in UTF-8', String(error));
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw malformed('a JSON object as header', Array.isArray(header) ? 'an array' : String(header));
  }
  return header as Record<string, unknown>;
}

/** JSON.parse keeps the last of equal keys and forgets the others, so the keys are counted in the text. */
function checkUniqueNames(text: string, header: unknown): void {
  if (typeof header !== 'object' || header === null) return;
  const seen = new Set<string>();
  for (const name of topLevelKeys(text)) {
    if (seen.has(name)) throw malformed('each tensor once', `${JSON.stringify(name)} twice`);
    seen.add(name);
  }
}

/** Keys of the outermost object of valid JSON `text`, duplicates included. */
function* topLevelKeys(text: string): Generator<string> {
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;
  let depth = 0;
  let string = '';
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (token === ':' && depth === 1) yield JSON.parse(string) as string;
    else string = token;
  }
}

function checkEntry(name: string, value: unknown, dataLength: number): Entry {
  const label = `tensor ${JSON.stringify(name)}`;
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !isStoredDType(dtype)) {
    throw malformed(`${label} of dtype ${Object.keys(DTYPES).join(', ')}`, JSON.stringify(dtype));
  }
  if (!isNaturalArray(shape)) throw malformed(`${label} with a shape of integers ≥ 0`, JSON.stringify(shape));
  if (!isNaturalArray(offsets) || offsets.length !== 2) {
    throw malformed(`${label} with data_offsets [begin, end]`, JSON.stringify(offsets));
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataLength) {
    throw malformed(`${label} with data_offsets within the ${dataLength} bytes of data`, `[${begin}, ${end}]`);
  }
  const stored = DTYPES[dtype];
  const size = product(shape) * stored.bytes;
  if (!Number.isSafeInteger(size)) throw malformed(`${label} of a size that fits`, `shape [${shape.join(', ')}]`);
  if (size !== end - begin) {
    throw malformed(`${label} of ${size} bytes for shape [${shape.join(', ')}] of ${dtype}`, `${end - begin} bytes`);
  }
  return { name, stored, dims: shape, begin, end };
}

/** The format allows neither overlaps nor holes. */
function checkCoverage(entries: readonly Entry[], dataLength: number): void {
  let reached = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== reached) {
      const what = begin < reached ? 'overlaps another tensor' : 'leaves a hole before it';
      throw malformed(`tensor ${JSON.stringify(name)} from byte ${reached} of the data`, `byte ${begin}: it ${what}`);
    }
    reached = end;
  }
  if (reached !== dataLength) throw malformed(`${reached} bytes of data`, `${dataLength}`);
}

function checkMetadata(metadata: unknown): Record<string, string> {
  if (metadata === undefined) return {};
  const isMap =
    typeof metadata === 'object' && metadata !== null && Object.values(metadata).every((v) => typeof v === 'string');
  if (!isMap || Array.isArray(metadata))
    throw malformed('__metadata__ of strings', JSON.stringify(metadata).slice(0, 64));
  return metadata as Record<string, string>;
}

function isNaturalArray(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function elements(bytes: Uint8Array, { array }: StoredDType): TensorData {
  const isAligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0;
  const { buffer, byteOffset } = isAligned ? bytes : bytes.slice();
  return new array(buffer as ArrayBuffer, byteOffset, bytes.length / array.BYTES_PER_ELEMENT);
}

function malformed(expected: string, got: string): RangeError {
  return new RangeError(`safetensors file: expected ${expected}, got ${got}`);
}
