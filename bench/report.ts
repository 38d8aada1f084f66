import { mkdir, writeFile } from 'node:fs/promises';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

export interface Result {
  readonly shape: string;
  readonly peakGflops: number;
  readonly sides: readonly {
    readonly name: string;
    readonly milliseconds: number;
    readonly gflops: number;
    /** Time of this side over that of `flash`, both from JavaScript tensors to JavaScript tensors. */
    readonly ratio: number;
    readonly maxError: number;
  }[];
}

/** Stores results as `name`.json, .md and .svg in bench/results. */
export async function writeReport(
  name: string,
  title: string,
  machine: Readonly<Record<string, string>>,
  results: readonly Result[],
): Promise<void> {
  const directory = new URL('../results/', import.meta.url);
  await mkdir(directory, { recursive: true });
  await writeFile(new URL(`${name}.json`, directory), `${JSON.stringify({ machine, results }, null, 2)}\n`);
  await writeFile(new URL(`${name}.md`, directory), markdown(title, machine, results));
  await writeFile(new URL(`${name}.svg`, directory), await chart(results));
}

function markdown(title: string, machine: Readonly<Record<string, string>>, results: readonly Result[]): string {
  const names = results[0]?.sides.map(({ name }) => name) ?? [];
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `# ${title}, one thread`,
    '',
    'Medians of interleaved rounds, made by `npm run bench`: milliseconds, and in brackets the time over that of `flash`.',
    '',
    ...Object.entries(machine).map(([key, value]) => `- ${key}: ${value}`),
    '',
    row(['shape', 'peak GFLOP/s', ...names]),
    row(['---', ...names.map(() => '---:'), '---:']),
    ...results.map(({ shape, peakGflops, sides }) =>
      row([
        shape,
        peakGflops.toFixed(1),
        ...sides.map(({ milliseconds, ratio }) => `${milliseconds.toPrecision(3)} (${ratio.toFixed(2)}×)`),
      ]),
    ),
    '',
  ].join('\n');
}

/** Prints one shape's table. */
export function printResult({ shape, sides, peakGflops: peak }: Result): void {
  console.log(`\n${shape}; peak of multiplications and additions ${peak.toFixed(1)} GFLOP/s`);
  console.table(
    Object.fromEntries(
      sides.map(({ name, milliseconds, gflops, ratio: times, maxError }) => [
        name,
        {
          ms: milliseconds.toFixed(3),
          'GFLOP/s': gflops.toFixed(1),
          'of peak': `${((100 * gflops) / peak).toFixed(0)}%`,
          'flash is faster': `${times.toFixed(2)}×`,
          'max error': maxError.toExponential(1),
        },
      ]),
    ),
  );
}

async function chart(results: readonly Result[]): Promise<string> {
  const values = results.flatMap(({ shape, sides }) => {
    return sides.map(({ name, gflops }) => ({ shape, side: name, gflops }));
  });
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values },
    width: 560,
    height: { step: 9 },
    mark: 'bar',
    encoding: {
      row: { field: 'shape', title: null, sort: null, header: { labelAngle: 0, labelAlign: 'left' } },
      y: { field: 'side', title: null, axis: null, sort: null },
      x: {
        field: 'gflops',
        type: 'quantitative',
        title: 'GFLOP/s, one thread, JavaScript tensors to JavaScript tensors',
      },
      color: { field: 'side', title: null, sort: null },
    },
  };
  return new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
