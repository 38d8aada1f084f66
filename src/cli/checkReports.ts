import { HISTOGRAM, type Verdict } from '../oracle/verdict.js';
import type { CheckedCase, CheckResult } from './check.js';

/** Forms of a report, by the name that `--format` takes. */
export const CHECK_REPORTS: Readonly<Record<string, (result: CheckResult) => string>> = {
  text: textReport,
  junit: junitReport,
  markdown: markdownReport,
};

/** One line a tensor, and the likeliest reasons of a failure below it. */
function textReport({ pass, cases }: CheckResult): string {
  const verdicts = cases.flatMap(({ tensors }) => Object.values(tensors));
  const lines = cases.flatMap((item) => [
    ...Object.entries(item.tensors).map(([tensor, verdict]) => {
      const line = `${verdict.pass ? 'pass' : 'FAIL'}  ${titleOf(item, tensor)}  ${figures(verdict, item.dtype).join('  ')}`;
      return verdict.pass ? line : `${line}\n      ${histogramLine(verdict)}`;
    }),
    ...diagnosisOf(item).map((line) => `      ${line}`),
  ]);
  const failed = verdicts.filter((verdict) => !verdict.pass).length;
  return [...lines, pass ? `${verdicts.length} tensors pass` : `${failed} of ${verdicts.length} tensors fail`].join(
    '\n',
  );
}

/** For a pull request. */
function markdownReport({ pass, cases }: CheckResult): string {
  const rows = cases.flatMap((item) =>
    Object.entries(item.tensors).map(([tensor, verdict]) => {
      const { maxAbsError, naiveError, ratio, maxUlpError, worstIndex } = verdict;
      const cells = [
        verdict.pass ? 'pass' : '**FAIL**',
        titleOf(item, tensor),
        maxAbsError.toExponential(2),
        naiveError.toExponential(2),
        ratio.toFixed(2),
        maxUlpError.toPrecision(3),
        `[${worstIndex.join(', ')}]`,
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  );
  const diagnoses = cases.flatMap((item) => diagnosisOf(item).map((line) => `- ${item.name || 'case'}: ${line}`));
  return [
    `### Window attention: ${pass ? 'pass' : 'fail'}`,
    '',
    `| | tensor | error | naive ${cases[0]?.dtype} | ratio | max ulp | worst at |`,
    '|---|---|---:|---:|---:|---:|---|',
    ...rows,
    ...(diagnoses.length > 0 ? ['', ...diagnoses] : []),
  ].join('\n');
}

/** A suite a case and a test a tensor, as CI servers read them. Source: JUnit's XML as Jenkins documents it. */
function junitReport({ cases }: CheckResult): string {
  const suites = cases.map((item) => {
    const tests = Object.entries(item.tensors).map(([tensor, verdict]) => {
      const attributes = `name="${escaped(tensor)}" classname="${escaped(item.name || 'case')}"`;
      if (verdict.pass) return `    <testcase ${attributes}/>`;
      const message = figures(verdict, item.dtype).join(', ');
      const reasons = tensor === 'o' ? diagnosisOf(item).join('\n') : '';
      return `    <testcase ${attributes}><failure message="${escaped(message)}">${escaped(reasons)}</failure></testcase>`;
    });
    const failures = Object.values(item.tensors).filter(({ pass }) => !pass).length;
    return [
      `  <testsuite name="${escaped(item.name || 'case')}" tests="${tests.length}" failures="${failures}">`,
      ...tests,
      '  </testsuite>',
    ].join('\n');
  });
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites, '</testsuites>'].join('\n');
}

function titleOf({ name }: CheckedCase, tensor: string): string {
  return [name, tensor].filter(Boolean).join('.');
}

function figures(verdict: Verdict, dtype: string): string[] {
  return [
    `error ${verdict.maxAbsError.toExponential(2)}`,
    `naive ${dtype} ${verdict.naiveError.toExponential(2)}`,
    `ratio ${verdict.ratio.toFixed(2)}`,
    `max ulp ${verdict.maxUlpError.toPrecision(3)}`,
    `worst at ${placeOf(verdict.worstIndex)}`,
  ];
}

/** Shares of the elements by their error over the tolerance. */
function histogramLine({ histogram }: Verdict): string {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  const names = ['exact', ...HISTOGRAM.map((bound) => `≤ ${bound}`), 'more'];
  const shares = histogram.map((count, i) => `${names[i]}: ${((100 * count) / total).toFixed(1)}%`);
  return `elements by error over tolerance: ${shares.join(', ')}`;
}

/** An index as window, head, row and column, for the tensors that have these axes. */
function placeOf(index: readonly number[]): string {
  const axes = ['window', 'head', 'row', 'column'];
  return index.length === 4 ? index.map((at, i) => `${axes[i]} ${at}`).join(', ') : `[${index.join(', ')}]`;
}

function diagnosisOf({ diagnosis }: CheckedCase): string[] {
  return (diagnosis ?? []).map(({ name, explanation, residual, where }) => {
    const places = Object.entries(where ?? {}).map(([axis, list]) => `${axis} ${shortened(list)}`);
    const only = places.length > 0 ? `, only in ${places.join(', ')}` : '';
    return `${name}: ${explanation}${only} (residual ${residual.toExponential(1)})`;
  });
}

function shortened(list: readonly number[]): string {
  return list.length <= 6 ? list.join(' ') : `${list.slice(0, 5).join(' ')} … (${list.length})`;
}

function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => entities[character] as string);
}
