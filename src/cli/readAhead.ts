/** What `read` makes of the files, in their order; at most `ahead` of them are being read or wait to be taken. */
export async function* readAhead<T>(
  files: readonly string[],
  read: (file: string) => Promise<T>,
  ahead: number,
): AsyncGenerator<T> {
  const pending: Promise<T>[] = [];
  for (let next = 0; next < files.length || pending.length > 0; ) {
    while (pending.length < ahead && next < files.length) {
      const reading = read(files[next++] as string);
      // It may fail before its turn, or after the last that is taken.
      reading.catch(() => {});
      pending.push(reading);
    }
    yield await (pending.shift() as Promise<T>);
  }
}
