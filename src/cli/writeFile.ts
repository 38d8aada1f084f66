import { rename, rm, writeFile } from 'node:fs/promises';

/** Writes a file beside its place and renames it, so that a write that fails leaves what was there. */
export async function writeWhole(path: string, contents: Uint8Array | string): Promise<void> {
  const beside = `${path}.${process.pid}.part`;
  try {
    await writeFile(beside, contents);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
