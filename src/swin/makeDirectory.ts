/**
 * Makes a directory and those above it that are not there; returns the first that it made. Node's own recursive `mkdir`
 * never returns where a file system refuses new names, as /proc does.
 */
export async function makeDirectory(path: string): Promise<string | undefined> {
  const { mkdir, stat } = process.getBuiltinModule('node:fs/promises');
  const { dirname } = process.getBuiltinModule('node:path');
  const isThere = (directory: string) =>
    stat(directory).then(
      (found) => found.isDirectory(),
      () => false,
    );
  if (await isThere(path)) return undefined;
  const parent = dirname(path);
  const made = (await isThere(parent)) ? undefined : await makeDirectory(parent);
  await mkdir(path).catch(async (error) => {
    // Another process may have made it meanwhile.
    if (!(await isThere(path))) throw error;
  });
  return made ?? path;
}
