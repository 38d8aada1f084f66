/** The known name that `name` may have been meant to be: in another case, with other dashes, or a letter or two off. */
export function closest(name: string, known: readonly string[]): string | undefined {
  const plain = plainOf(name);
  const most = plain.length <= 2 ? 0 : plain.length < 8 ? 1 : 2;
  let best: string | undefined;
  let least = most + 1;
  for (const candidate of known) {
    const own = distance(plainOf(candidate), plain);
    if (own < least) [best, least] = [candidate, own];
  }
  return best;
}

/** `: did you mean …?` for a name that is close to a known one, else nothing. */
export function hint(name: string, known: readonly string[], meant: string | undefined = closest(name, known)): string {
  return meant === undefined ? '' : `: did you mean ${meant}?`;
}

export function plainOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Damerau's: letters replaced, left out, put in, or two exchanged. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isExchange = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = isExchange ? (before[j - 2] as number) + 1 : replaced;
      next.push(Math.min(replaced, exchanged, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}
