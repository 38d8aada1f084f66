import { rmSync } from 'node:fs';
import { realpath, rename, rm, stat, writeFile } from 'node:fs/promises';

type Contents = Uint8Array | string;

/** Signals that end a process, before which what is half-written goes. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Writes a file as `writeAll` does. */
export function writeWhole(path: string, contents: Contents): Promise<void> {
  return writeAll([[path, contents]]);
}

/**
 * Writes files beside their places, and renames them once the last is whole: a write that fails, or a signal that ends the
 * process meanwhile, leaves what was there. Links are followed; pipes and devices are written to. Rejects with Error naming
 * the file.
 */
export async function writeAll(files: readonly (readonly [path: string, contents: Contents])[]): Promise<void> {
  const beside: { readonly part: string; readonly place: string; readonly path: string }[] = [];
  const removeAll = (signal: NodeJS.Signals) => {
    for (const { part } of beside) {
      try {
        rmSync(part, { force: true });
      } catch {
        // It was never there.
      }
    }
    // Its listener is gone, so that this ends the process as if there had been none.
    process.kill(process.pid, signal);
  };
  for (const signal of ENDS) process.once(signal, removeAll);
  let current = '';
  try {
    for (const [path, contents] of files) {
      current = path;
      const place = await realpath(path).catch(() => path);
      const isOrdinary = await stat(place).then(
        (entry) => entry.isFile() || entry.isDirectory(),
        () => true,
      );
      const part = isOrdinary ? `${place}.${process.pid}.part` : place;
      if (isOrdinary) beside.push({ part, place, path });
      await writeFile(part, contents);
    }
    for (const { part, place, path } of beside) {
      current = path;
      await rename(part, place);
    }
  } catch (cause) {
    // What cannot be removed was never there, or is lost with its disk.
    for (const { part } of beside) await rm(part, { force: true }).catch(() => {});
    // Node's text goes on with the names of its call's files.
    const [reason] = (cause as Error).message.split(', ');
    throw new Error(`${current} cannot be written: ${reason}`, { cause });
  } finally {
    for (const signal of ENDS) process.off(signal, removeAll);
  }
}
