import { extname } from 'node:path';
import type { CheckResult } from './check.js';
import { CHECK_REPORTS } from './checkReports.js';
import { jsonOf } from './json.js';
import { checkOutput } from './outputFile.js';
import { writeAll } from './writeFile.js';

/** Forms of a report by a file's ending. */
const FORMATS: Readonly<Record<string, ((result: CheckResult) => string) | undefined>> = {
  '.xml': CHECK_REPORTS.junit,
  '.md': CHECK_REPORTS.markdown,
  '.txt': CHECK_REPORTS.text,
  '.json': jsonOf,
};

/**
 * What writes one result to all of `paths`, each in the form that its ending names.
 * @throws UsageError for a file that `checkOutput` refuses.
 */
export function reportWriter(
  paths: readonly string[],
  inputs: readonly (string | undefined)[],
): (result: CheckResult) => Promise<void> {
  for (const path of paths) checkOutput('--output', path, Object.keys(FORMATS), inputs);
  return (result) => {
    const form = (path: string) => FORMATS[extname(path)] as (result: CheckResult) => string;
    return writeAll(paths.map((path) => [path, `${form(path)(result)}\n`]));
  };
}
