import { extname } from 'node:path';
import type { CheckResult } from './check.js';
import { CHECK_REPORTS } from './checkReports.js';
import { jsonOf } from './json.js';
import { UsageError } from './usageError.js';
import { writeWhole } from './writeFile.js';

const FORMATS: Readonly<Record<string, ((result: CheckResult) => string) | undefined>> = {
  '.xml': CHECK_REPORTS.junit,
  '.md': CHECK_REPORTS.markdown,
  '.txt': CHECK_REPORTS.text,
  '.json': jsonOf,
};

/** What writes one result to all of `paths`, each in the form that its ending names. @throws UsageError for another ending. */
export function reportWriter(paths: readonly string[]): (result: CheckResult) => Promise<void> {
  const formats = paths.map((path) => {
    const format = FORMATS[extname(path)];
    if (!format)
      throw new UsageError(`--output expected a file ending in ${Object.keys(FORMATS).join(', ')}, got ${path}`);
    return [path, format] as const;
  });
  return async (result) => {
    for (const [path, format] of formats) await writeWhole(path, `${format(result)}\n`);
  };
}
