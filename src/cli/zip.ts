import { inflateSync } from 'fflate';
import { type Bytes, memoryBytes, partOfBytes } from './bytes.js';
import { crc32 } from './crc32.js';

const END = 0x06054b50;
const END_64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
const LONGEST_COMMENT = 0xffff;
const UNKNOWN = 0xffffffff;
const BLOCK = 2 ** 24;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly at: number;
}

/**
 * Files of a zip archive by name: stored ones are read in parts, deflated ones unpacked. `isTrusted` skips the checksums of
 * an archive that has been read before. A library for this reads whole archives, or no parts of a file in it, or no
 * checksums. Source: PKWARE, APPNOTE.TXT 6.3.10.
 * @throws RangeError for a malformed archive, a name twice, a checksum that does not match, a method that is neither.
 */
export function openZip(path: string, archive: Bytes, isTrusted: boolean): Map<string, Bytes> {
  const files = new Map<string, Bytes>();
  for (const entry of readDirectory(path, archive)) {
    const name = `${path}: ${entry.name}`;
    if (files.has(entry.name)) throw new RangeError(`${name} expected once, got twice`);
    const local = view(archive.read(entry.at, 30));
    if (local.getUint32(0, true) !== LOCAL) throw malformed(path, `a file at byte ${entry.at}`);
    checkLocal(name, entry, local, archive);
    const start = entry.at + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    const packed = partOfBytes(name, archive, start, entry.packed);
    const file = entry.method === STORED ? packed : memoryBytes(name, inflate(name, packed, entry));
    if (file.size !== entry.size) throw new RangeError(`${name} expected ${entry.size} bytes, got ${file.size}`);
    if (!isTrusted && checksum(file) !== entry.crc)
      throw new RangeError(`${name} expected its checksum to match: the file is damaged`);
    files.set(entry.name, file);
  }
  return files;
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

function inflate(name: string, packed: Bytes, { method, size }: Entry): Uint8Array {
  if (method !== DEFLATED) throw new RangeError(`${name} expected to be stored or deflated, got method ${method}`);
  try {
    return inflateSync(packed.read(0, packed.size), { out: new Uint8Array(size) });
  } catch (cause) {
    throw new RangeError(`${name} expected deflated bytes: ${(cause as Error).message}`, { cause });
  }
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
