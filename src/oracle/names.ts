import { message } from '../tensor/check.js';
import { closest, hint, plainOf } from '../tensor/spelling.js';

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

/** The known name that `name` may have been meant to be: another spelling, another framework's, a letter off. */
export function suggestion(name: string, known: readonly string[]): string | undefined {
  const plain = plainOf(name);
  const same = known.find((candidate) => plainOf(candidate) === plain);
  const alias = ALIASES[plain];
  // g, d and grad before an input's name: its gradient.
  const gradient = /^(?:grad|d|g)(.+)$/.exec(plain)?.[1];
  const ofGradient =
    gradient && known.find((candidate) => plainOf(candidate) === `d${plainOf(ALIASES[gradient] ?? gradient)}`);
  return (
    same ?? (alias !== undefined && known.includes(alias) ? alias : undefined) ?? ofGradient ?? closest(name, known)
  );
}

/** @throws TypeError for a key that is none of `known`, naming the one that may have been meant. */
export function checkNames(argument: string, given: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(given)) {
    if (known.includes(name) || value === undefined) continue;
    const got = `${JSON.stringify(name)}${hint(name, known, suggestion(name, known))}`;
    throw new TypeError(message(argument, `only ${known.join(', ')}`, got));
  }
}
