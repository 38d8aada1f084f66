import { message } from '../tensor/check.js';

/** Names that frameworks have for what this library calls otherwise. */
const ALIASES: Readonly<Record<string, string>> = {
  attnmask: 'mask',
  attentionmask: 'mask',
  shiftmask: 'mask',
  attnbias: 'bias',
  attentionbias: 'bias',
  relativepositionbias: 'bias',
  rpb: 'bias',
  query: 'q',
  queries: 'q',
  key: 'k',
  keys: 'k',
  value: 'v',
  values: 'v',
  out: 'o',
  output: 'o',
  logsumexp: 'lse',
  softmaxlse: 'lse',
  dout: 'dO',
  doutput: 'dO',
  gradoutput: 'dO',
  softmaxscale: 'scale',
  smscale: 'scale',
  tau: 'logitScale',
};

/** The known name that `name` may have been meant to be: another spelling, another framework's, one letter off. */
export function suggestion(name: string, known: readonly string[]): string | undefined {
  const plain = plainOf(name);
  const same = known.find((candidate) => plainOf(candidate) === plain);
  const alias = ALIASES[plain];
  // g, d and grad before an input's name: its gradient.
  const gradient = /^(?:grad|d|g)(.+)$/.exec(plain)?.[1];
  const ofGradient =
    gradient && known.find((candidate) => plainOf(candidate) === `d${plainOf(ALIASES[gradient] ?? gradient)}`);
  return (
    same ??
    (alias !== undefined && known.includes(alias) ? alias : undefined) ??
    ofGradient ??
    (plain.length > 2 ? known.find((candidate) => distance(plainOf(candidate), plain) <= 1) : undefined)
  );
}

/** @throws TypeError for a key that is none of `known`, naming the one that may have been meant. */
export function checkNames(argument: string, given: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(given)) {
    if (known.includes(name) || value === undefined) continue;
    const meant = suggestion(name, known);
    throw new TypeError(
      message(
        argument,
        `only ${known.join(', ')}`,
        `${JSON.stringify(name)}${meant ? `: did you mean ${meant}?` : ''}`,
      ),
    );
  }
}

function plainOf(name: string): string {
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
