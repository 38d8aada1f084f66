import { describe } from '../tensor/check.js';
import { product } from '../tensor/tensor.js';
import { DTYPES, isStoredDType, MAX_HEADER_BYTES, type StoredDType } from './format.js';
import { HeaderScanner } from './headerScanner.js';

/** A tensor as the header describes it. */
export interface TensorEntry {
  readonly name: string;
  readonly stored: StoredDType;
  readonly dims: readonly number[];
  /** Bytes `[begin, end)` of the data, which follow the header. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the header's order. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Record<string, string>;
  /** Bytes of data. */
  readonly dataLength: number;
}

/** Bytes before the header, which hold its length. */
export const LENGTH_BYTES = 8;

/** The length of the header by the file's first 8 bytes. @throws RangeError for fewer, and for one over 100 MB. */
export function headerLength(start: Uint8Array): number {
  if (start.length < LENGTH_BYTES)
    throw malformed('at least 8 bytes for the length of the header', `${start.length} bytes`);
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) throw malformed(`a header of at most ${MAX_HEADER_BYTES} bytes`, `${length}`);
  return Number(length);
}

/**
 * Parses a header. `dataLength`: the bytes of data that the file has, where that is known.
 * @throws RangeError, saying what is wrong, for a malformed one.
 */
export function parseHeader(bytes: Uint8Array, dataLength?: number): SafetensorsHeader {
  const scanner = new HeaderScanner(decodeUtf8(bytes));
  const names = new Set<string>();
  const entries: TensorEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const name of scanner.object('a JSON object as header')) {
    if (names.has(name)) throw malformed('each tensor once', `${describe(name)} twice`);
    names.add(name);
    if (name === '__metadata__') metadata = readMetadata(scanner);
    else entries.push(readEntry(scanner, name, dataLength));
  }
  scanner.end();
  return { entries, metadata, dataLength: checkCoverage(entries, dataLength) };
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw malformed('a header of JSON in UTF-8', String(error));
  }
}

function readMetadata(scanner: HeaderScanner): Record<string, string> {
  const metadata: [string, string][] = [];
  for (const key of scanner.object('__metadata__ of strings')) {
    metadata.push([key, scanner.string('__metadata__ of strings')]);
  }
  // Unlike assignment, this makes a key `__proto__` one like the others.
  return Object.fromEntries(metadata);
}

function readEntry(scanner: HeaderScanner, name: string, dataLength: number | undefined): TensorEntry {
  const label = `tensor ${describe(name)}`;
  const names = Object.keys(DTYPES).join(', ');
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  for (const key of scanner.object(`${label} of dtype, shape and data_offsets`)) {
    if (key === 'dtype') dtype = scanner.string(`${label} of dtype ${names}`);
    else if (key === 'shape') shape = scanner.naturals(`${label} with a shape of integers ≥ 0`);
    else if (key === 'data_offsets') offsets = scanner.naturals(`${label} with data_offsets [begin, end]`);
    else scanner.skip();
  }
  if (dtype === undefined || !isStoredDType(dtype)) throw malformed(`${label} of dtype ${names}`, describe(dtype));
  if (!shape) throw malformed(`${label} with a shape of integers ≥ 0`, 'none');
  if (offsets?.length !== 2) throw malformed(`${label} with data_offsets [begin, end]`, describe(offsets));
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > (dataLength ?? Number.MAX_SAFE_INTEGER)) {
    throw malformed(`${label} with data_offsets within the ${dataLength ?? ''} bytes of data`, `[${begin}, ${end}]`);
  }
  const stored = DTYPES[dtype];
  const size = product(shape) * stored.bytes;
  if (!Number.isSafeInteger(size)) throw malformed(`${label} of a size that fits`, `shape ${describe(shape)}`);
  if (size !== end - begin) {
    throw malformed(`${label} of ${size} bytes for shape ${describe(shape)} of ${dtype}`, `${end - begin} bytes`);
  }
  return { name, stored, dims: shape, begin, end };
}

/** The format allows neither overlaps nor holes. Returns where the last tensor ends. */
function checkCoverage(entries: readonly TensorEntry[], dataLength: number | undefined): number {
  let reached = 0;
  for (const { name, begin, end } of inFileOrder(entries)) {
    if (begin !== reached) {
      const what = begin < reached ? 'overlaps another tensor' : 'leaves a hole before it';
      throw malformed(`tensor ${describe(name)} from byte ${reached} of the data`, `byte ${begin}: it ${what}`);
    }
    reached = end;
  }
  if (dataLength !== undefined && reached !== dataLength) throw malformed(`${reached} bytes of data`, `${dataLength}`);
  return reached;
}

export function inFileOrder(entries: readonly TensorEntry[]): TensorEntry[] {
  return [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
}

export function malformed(expected: string, got: string): RangeError {
  return new RangeError(`safetensors file: expected ${expected}, got ${got}`);
}
