/** The table of runtimes in docs/runtimes.md, from what the engines said of themselves there. */
export function table(rows) {
  const columns = ['runtime', 'package', 'SIMD', 'relaxed SIMD', 'threads', 'TypeScript', 'images'];
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  const mark = (isThere) => (isThere ? 'yes' : '–');
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map(({ name, loaded, results: { engines, images } }) =>
      line([
        name,
        loaded,
        mark(engines.some(({ simd }) => simd === 'simd')),
        mark(engines.some(({ simd }) => simd === 'relaxed-simd')),
        mark(engines.some(({ threads }) => threads > 1)),
        mark(engines.some(({ backend }) => backend === 'typescript')),
        mark(images === 'right'),
      ]),
    ),
  ].join('');
}
