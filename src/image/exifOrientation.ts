const ORIENTATION = 0x0112;
const SHORT = 3;
const UPRIGHT = 1;

/**
 * The orientation, 1 to 8, that EXIF data (`tiff`, from their byte order mark on) give; 1 where they give none or are
 * damaged, as viewers do. Source: EXIF 2.32, TIFF 6.0.
 */
export function exifOrientation(tiff: Uint8Array): number {
  if (tiff.length < 8) return UPRIGHT;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const isLittle = view.getUint16(0) === 0x4949;
  if (!isLittle && view.getUint16(0) !== 0x4d4d) return UPRIGHT;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > tiff.length) return UPRIGHT;
  const count = view.getUint16(directory, isLittle);
  for (let at = directory + 2; at < directory + 2 + 12 * count && at + 12 <= tiff.length; at += 12) {
    if (view.getUint16(at, isLittle) !== ORIENTATION || view.getUint16(at + 2, isLittle) !== SHORT) continue;
    const value = view.getUint16(at + 8, isLittle);
    return value >= 1 && value <= 8 ? value : UPRIGHT;
  }
  return UPRIGHT;
}
