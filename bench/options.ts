// Options that every benchmark takes: -- --rounds N --seconds S --processor-time

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
/** For a machine that others load: processor time of all of a side's threads, instead of the time that passes. */
export const IS_PROCESSOR_TIME = process.argv.includes('--processor-time');
/** Milliseconds since some moment. */
export function clock(): number {
  if (!IS_PROCESSOR_TIME) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What a report says was measured. */
export const MEASURED = IS_PROCESSOR_TIME ? 'milliseconds of processor time, of all threads of a side' : 'milliseconds';
