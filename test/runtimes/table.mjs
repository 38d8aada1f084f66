/** The README's table of runtimes, from what the engines said of themselves there. */
export function table(rows) {
  const columns = ['runtime', 'package', 'SIMD', 'relaxed SIMD', 'threads', 'TypeScript'];
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  const mark = (isThere) => (isThere ? 'yes' : '–');
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map(({ name, loaded, results }) =>
      line([
        name,
        loaded,
        mark(results.some(({ simd }) => simd === 'simd')),
        mark(results.some(({ simd }) => simd === 'relaxed-simd')),
        mark(results.some(({ threads }) => threads > 1)),
        mark(results.some(({ backend }) => backend === 'typescript')),
      ]),
    ),
  ].join('');
}
