import { Inflate } from 'fflate';
import { crc32 } from '../tensor/crc32.js';
import { type Bytes, memoryBytes, partOfBytes } from './bytes.js';

const END = 0x06054b50;
const END_64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
const LONGEST_COMMENT = 0xffff;
const UNKNOWN = 0xffffffff;
const BLOCK = 2 ** 24;
/** A match of 258 bytes takes two bits at least. */
const LARGEST_RATIO = 1032;
/** Deflated bytes that are unpacked at a time. */
const PIECE = 2 ** 14;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly at: number;
}

export interface ZipOptions {
  /** Skips the checksums of an archive that has been read before. */
  readonly isTrusted: boolean;
  /** What the first bytes of a file say of its size; undefined for a file that nobody reads. */
  sizeOf(name: string, start: Bytes): number | undefined;
  /** So many of them. */
  readonly startBytes: number;
}

/**
 * Files of a zip archive by name: stored ones are read in parts, deflated ones unpacked, each to the size that both the
 * directory and the file itself name. A library for this reads whole archives, or no parts of a file in it, or no
 * checksums. Source: PKWARE, APPNOTE.TXT 6.3.10.
 * @throws RangeError for a malformed archive, a name twice, files that overlap, a size that cannot be, a checksum that does
 * not match, a method that is neither.
 */
export function openZip(
  path: string,
  archive: Bytes,
  { isTrusted, sizeOf, startBytes }: ZipOptions,
): Map<string, Bytes> {
  const files = new Map<string, Bytes>();
  const names = new Set<string>();
  let free = 0;
  for (const entry of readDirectory(path, archive).sort((a, b) => a.at - b.at)) {
    const name = `${path}: ${entry.name}`;
    if (names.has(entry.name)) throw new RangeError(`${name} expected once, got twice`);
    names.add(entry.name);
    const local = view(archive.read(entry.at, 30));
    if (local.getUint32(0, true) !== LOCAL) throw malformed(path, `a file at byte ${entry.at}`);
    checkLocal(name, entry, local, archive);
    const start = entry.at + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    const packed = partOfBytes(name, archive, start, entry.packed);
    if (entry.at < free) throw new RangeError(`${name} expected bytes of its own, got those of another file`);
    free = start + entry.packed;
    checkSize(name, entry);
    const read = (length: number) =>
      entry.method === STORED ? packed : memoryBytes(name, inflate(name, packed, entry, length));
    const first = read(startBytes);
    const size = sizeOf(name, first);
    if (size !== undefined && size !== entry.size)
      throw new RangeError(`${name} expected ${size} bytes, as its first ones say, got ${entry.size}`);
    const isWhole = first.size === entry.size;
    const file = isWhole || size === undefined ? first : read(entry.size);
    if (size !== undefined) files.set(entry.name, file);
    if (isTrusted) continue;
    const sum = isWhole || size !== undefined ? checksum(file) : checksumUnread(name, packed, entry);
    if (sum !== entry.crc) throw new RangeError(`${name} expected its checksum to match: the file is damaged`);
  }
  return files;
}

/** A directory may claim any size: none is believed that deflate cannot make of so few bytes. */
function checkSize(name: string, { method, packed, size }: Entry): void {
  if (method !== STORED && method !== DEFLATED)
    throw new RangeError(`${name} expected to be stored or deflated, got method ${method}`);
  const most = method === STORED ? packed : packed * LARGEST_RATIO;
  if (size > most || (method === STORED && size < packed)) {
    const expected = method === STORED ? `${packed} bytes` : `at most ${most} bytes of ${packed} deflated ones`;
    throw new RangeError(`${name} expected ${expected}, got ${size}`);
  }
}

/** What a file's own header repeats of the directory, it repeats unchanged; streams leave sizes and checksum open. */
function checkLocal(name: string, { at, method, crc, name: own }: Entry, local: DataView, archive: Bytes): void {
  const length = local.getUint16(26, true);
  const isStream = (local.getUint16(6, true) & 8) !== 0;
  const repeated = new TextDecoder().decode(archive.read(at + 30, Math.min(length, archive.size - at - 30)));
  const hasSum = isStream || local.getUint32(14, true) === crc;
  if (repeated !== own || local.getUint16(8, true) !== method || !hasSum) {
    throw new RangeError(`${name} expected its header to repeat the directory's: the file is damaged`);
  }
}

/** The first `length` bytes of a deflated file, or all where it has fewer. */
function inflate(name: string, packed: Bytes, entry: Entry, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(length, entry.size));
  let done = 0;
  inflatePieces(name, packed, entry, (piece) => {
    bytes.set(piece.subarray(0, bytes.length - done), done);
    done = Math.min(bytes.length, done + piece.length);
    return done < bytes.length || bytes.length === entry.size;
  });
  return bytes;
}

/** Hands a deflated file to `take` piece by piece, until that returns false. @throws RangeError for more or fewer bytes than `size`. */
function inflatePieces(name: string, packed: Bytes, { size }: Entry, take: (piece: Uint8Array) => boolean): void {
  let done = 0;
  let isWanted = true;
  const stream = new Inflate((piece) => {
    if (!isWanted) return;
    done += piece.length;
    isWanted = take(piece);
  });
  try {
    for (let at = 0; isWanted && done <= size && at < packed.size; at += PIECE) {
      const length = Math.min(PIECE, packed.size - at);
      stream.push(packed.read(at, length), at + length === packed.size);
    }
  } catch (cause) {
    throw new RangeError(`${name} expected deflated bytes: ${(cause as Error).message}`, { cause });
  }
  if (isWanted && done !== size)
    throw new RangeError(`${name} expected ${size} bytes, got ${done > size ? 'more' : done}`);
}

/** Of a deflated file whose bytes nobody keeps. */
function checksumUnread(name: string, packed: Bytes, entry: Entry): number {
  let sum = 0;
  inflatePieces(name, packed, entry, (piece) => {
    sum = crc32(piece, sum);
    return true;
  });
  return sum;
}

function checksum(file: Bytes): number {
  let sum = 0;
  for (let at = 0; at < file.size; at += BLOCK) sum = crc32(file.read(at, Math.min(BLOCK, file.size - at)), sum);
  return sum;
}

function readDirectory(path: string, archive: Bytes): Entry[] {
  const tailStart = Math.max(0, archive.size - LONGEST_COMMENT - 22 - 20);
  const tail = view(archive.read(tailStart, archive.size - tailStart));
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw malformed(path, 'a directory of files');
  let [count, size, start] = [
    tail.getUint16(end + 10, true),
    tail.getUint32(end + 12, true),
    tail.getUint32(end + 16, true),
  ];
  if (start === UNKNOWN || count === 0xffff || size === UNKNOWN) {
    const end64 = view(archive.read(number64(path, tail, end - 20 + 8), 56));
    if (end64.getUint32(0, true) !== END_64) throw malformed(path, 'a directory of files');
    [count, size, start] = [number64(path, end64, 32), number64(path, end64, 40), number64(path, end64, 48)];
  }
  const directory = view(archive.read(start, size));
  const entries: Entry[] = [];
  for (let at = 0, i = 0; i < count; i++) {
    if (at + 46 > size || directory.getUint32(at, true) !== CENTRAL)
      throw malformed(path, `${count} files in its directory`);
    const [nameLength, extraLength] = [directory.getUint16(at + 28, true), directory.getUint16(at + 30, true)];
    if (at + 46 + nameLength + extraLength > size) throw malformed(path, `${count} files in its directory`);
    if (directory.getUint16(at + 8, true) & 1) throw malformed(path, 'files without a password');
    const sizes = [
      directory.getUint32(at + 24, true),
      directory.getUint32(at + 20, true),
      directory.getUint32(at + 42, true),
    ];
    let extra = at + 46 + nameLength;
    const extraEnd = extra + extraLength;
    for (; extra + 4 <= extraEnd; extra += 4 + directory.getUint16(extra + 2, true)) {
      if (directory.getUint16(extra, true) !== 1) continue;
      // Only what does not fit 32 bits is repeated in 64.
      let field = extra + 4;
      for (const [which, value] of sizes.entries()) {
        if (value !== UNKNOWN) continue;
        sizes[which] = number64(path, directory, field);
        field += 8;
      }
    }
    entries.push({
      name: new TextDecoder().decode(new Uint8Array(directory.buffer, at + 46, nameLength)),
      method: directory.getUint16(at + 10, true),
      crc: directory.getUint32(at + 16, true),
      size: sizes[0] as number,
      packed: sizes[1] as number,
      at: sizes[2] as number,
    });
    at += 46 + nameLength + extraLength + directory.getUint16(at + 32, true);
  }
  return entries;
}

function number64(path: string, bytes: DataView, at: number): number {
  if (at < 0 || at + 8 > bytes.byteLength) throw malformed(path, 'a directory of files');
  const value = Number(bytes.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw malformed(path, 'sizes that fit');
  return value;
}

function view(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer);
}

function malformed(path: string, expected: string): RangeError {
  return new RangeError(`${path} expected to be an .npz file with ${expected}`);
}
