// Options that every benchmark takes: -- --rounds N --seconds S

function numberOption(name: string): number | undefined {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return undefined;
  const value = Number(process.argv[at + 1]);
  if (!(value > 0)) throw new RangeError(`--${name} expected a number above 0, got ${process.argv[at + 1]}`);
  return value;
}

/** Rounds in which sides are timed in turn. */
export const ROUNDS = numberOption('rounds') ?? 9;
/** Seconds that a side runs in each of them. */
export const ROUND_SECONDS = numberOption('seconds') ?? 0.25;
