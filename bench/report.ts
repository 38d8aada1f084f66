import { mkdir, writeFile } from 'node:fs/promises';
import * as vega from 'vega';
import type { TopLevelSpec } from 'vega-lite';
import { compile } from 'vega-lite';
import { machine } from './machine.js';
import { MEASURED } from './options.js';

/** A table of a report. */
export interface Section {
  readonly heading?: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What one shape gave. */
export interface Result {
  readonly shape: string;
  readonly sides: readonly {
    readonly name: string;
    readonly milliseconds: number;
    readonly gflops: number;
    /** Time of this side over that of `flash`, both from JavaScript tensors to JavaScript tensors. */
    readonly ratio: number;
    readonly maxError: number;
  }[];
}

const RESULTS = new URL('../results/', import.meta.url);

/**
 * Writes bench/results/`name`.md for readers, and .json, whose `figures` scripts/figures.mjs puts into the README, both
 * with the machine, the commit and the date.
 */
export async function writeReport(
  name: string,
  title: string,
  about: string,
  sections: readonly Section[],
  figures: unknown,
): Promise<void> {
  const made = machine();
  const lines = [
    `# ${title}`,
    '',
    about,
    '',
    ...Object.entries(made).map(([key, value]) => `- ${key}: ${value}`),
    '',
    ...sections.flatMap(tableOf),
  ];
  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL(`${name}.md`, RESULTS), lines.join('\n'));
  await writeFile(new URL(`${name}.json`, RESULTS), `${JSON.stringify({ machine: made, figures }, null, 2)}\n`);
}

/** The first column is text, the others are numbers. */
function tableOf({ heading, columns, rows }: Section): string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    ...(heading ? [`## ${heading}`, ''] : []),
    row(columns),
    row(columns.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map(row),
    '',
  ];
}

/** A report on sides at several shapes, one column a side, one thread. `peak`: GFLOP/s. */
export async function writeResults(
  name: string,
  title: string,
  command: string,
  peak: number,
  results: readonly Result[],
): Promise<void> {
  const names = [...new Set(results.flatMap(({ sides }) => sides.map((side) => side.name)))];
  const about =
    `Medians of interleaved rounds, made by \`${command}\`: ${MEASURED}, and in brackets the time over that of \`flash\`.\n` +
    `Most that separate multiplications and additions in registers reached in the run: ${peak.toFixed(1)} GFLOP/s.`;
  const rows = results.map(({ shape, sides }) => [
    shape,
    ...names.map((wanted) => {
      const side = sides.find((own) => own.name === wanted);
      return side ? `${side.milliseconds.toPrecision(3)} (${side.ratio.toFixed(2)}×)` : '–';
    }),
  ]);
  await writeReport(name, `${title}, one thread`, about, [{ columns: ['shape', ...names], rows }], { peak, results });
  await writeFile(new URL(`${name}.svg`, RESULTS), await chart(results));
}

/** Prints one shape's table; `peak`: GFLOP/s. */
export function printResult({ shape, sides }: Result, peak: number): void {
  console.log(`\n${shape}; peak of multiplications and additions ${peak.toFixed(1)} GFLOP/s`);
  console.table(
    Object.fromEntries(
      sides.map(({ name, milliseconds, gflops, ratio: times, maxError }) => [
        name,
        {
          ms: milliseconds.toFixed(3),
          'GFLOP/s': gflops.toFixed(1),
          'of peak': `${((100 * gflops) / peak).toFixed(0)}%`,
          'over flash': `${times.toFixed(2)}×`,
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
