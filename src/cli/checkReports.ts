import type { Hypothesis } from '../oracle/hypothesis.js';
import { HISTOGRAM, type Verdict } from '../oracle/verdict.js';
import type { CheckedCase, CheckResult } from './check.js';
import { counted } from './text.js';

/** Forms of a report, by the name that `--format` takes. */
export const CHECK_REPORTS: Readonly<Record<string, (result: CheckResult) => string>> = {
  text: textReport,
  junit: junitReport,
  markdown: markdownReport,
};

const LEGEND = [
  'error: largest |actual − truth|; naive: that of a plain kernel of the precision; ratio: error / naive; rms: the same of',
  'root mean squares; tolerance: 2 · naive, or what the element’s own rounding may come to; L2: ‖actual − truth‖ / ‖truth‖;',
  'residual: what an explanation leaves of the output, as a share of it; –: not defined',
];

/** Slices that a report shows. */
const SHOWN_SLICES = 3;

/** One line a tensor, what is wrong and the likeliest reasons below it. */
function textReport({ pass, cases }: CheckResult): string {
  const verdicts = cases.flatMap(({ tensors }) => Object.values(tensors));
  const lines = cases.flatMap((item) => [
    ...Object.entries(item.tensors).flatMap(([tensor, verdict]) => {
      const mark = !verdict.pass ? 'FAIL' : verdict.warning ? 'warn' : 'pass';
      const line = `${mark}  ${titleOf(item, tensor)}  ${figures(item, tensor, verdict).join('  ')}`;
      const below = [
        ...(verdict.warning ? [verdict.warning] : []),
        ...(verdict.pass ? [] : [histogramLine(verdict), ...reasons(verdict)]),
        ...diagnosisLines(item, tensor),
      ];
      return [line, ...below.map((text) => `      ${text}`)];
    }),
    ...notesOf(item).map((note) => ['note', titleOf(item, ''), note].filter(Boolean).join('  ')),
  ]);
  const failed = verdicts.filter((verdict) => !verdict.pass).length;
  const warned = verdicts.filter((verdict) => verdict.pass && verdict.warning).length;
  const summary =
    failed > 0
      ? `${failed} of ${counted(verdicts.length, 'tensor')} ${failed === 1 ? 'fails' : 'fail'}`
      : `${counted(verdicts.length, 'tensor')} ${verdicts.length === 1 ? 'passes' : 'pass'}${warned > 0 ? `, ${warned} with a warning` : ''}`;
  const unsteady = cases.some(({ notDeterministic }) => notDeterministic && notDeterministic.length > 0);
  return plain(
    [...lines, ...(pass ? [] : ['', ...LEGEND, '']), unsteady ? `${summary}; runs differ` : summary].join('\n'),
  );
}

/** For a pull request. */
function markdownReport({ pass, cases }: CheckResult): string {
  const rows = cases.flatMap((item) =>
    Object.entries(item.tensors).map(([tensor, verdict]) => {
      const { maxAbsError, naiveError, ratio, rmsRatio, maxUlpError, worstIndex } = verdict;
      const cells = [
        verdict.pass ? (verdict.warning ? 'warning' : 'pass') : '**FAIL**',
        escapedMarkdown(titleOf(item, tensor)),
        maxAbsError.toExponential(2),
        naiveError.toExponential(2),
        shown(ratio, (x) => x.toFixed(2)),
        shown(rmsRatio, (x) => x.toFixed(2)),
        maxUlpError.toPrecision(3),
        `[${worstIndex.join(', ')}]`,
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  );
  const below = cases.flatMap((item) => [
    ...Object.entries(item.tensors).flatMap(([tensor, verdict]) => [
      ...(verdict.warning ? [`- ${escapedMarkdown(titleOf(item, tensor))}: ${verdict.warning}`] : []),
      ...(verdict.pass
        ? []
        : reasons(verdict).map((reason) => `- ${escapedMarkdown(titleOf(item, tensor))}: ${reason}`)),
      ...diagnosisLines(item, tensor).map(
        (line) => `- ${escapedMarkdown(titleOf(item, tensor))}: ${escapedMarkdown(line)}`,
      ),
    ]),
    ...notesOf(item).map((note) => `- ${escapedMarkdown(item.name || 'case')}: ${escapedMarkdown(note)}`),
  ]);
  return [
    `### Window attention: ${pass ? 'pass' : 'fail'}`,
    '',
    `| | tensor | error | naive ${cases[0]?.dtype} | ratio | rms ratio | max ulp | worst at |`,
    '|---|---|---:|---:|---:|---:|---:|---|',
    ...rows,
    ...(below.length > 0 ? ['', ...below] : []),
  ].join('\n');
}

/** A suite a case and a test a tensor, as CI servers read them. Source: JUnit's XML as Jenkins documents it. */
function junitReport({ cases }: CheckResult): string {
  const suites = cases.map((item) => {
    const suite = escapedXml(item.name || 'case');
    const tests = Object.entries(item.tensors).map(([tensor, verdict]) => {
      const attributes = `name="${escapedXml(tensor)}" classname="${suite}"`;
      const warning = verdict.warning ? `<system-out>${escapedXml(verdict.warning)}</system-out>` : '';
      if (verdict.pass)
        return warning ? `    <testcase ${attributes}>${warning}</testcase>` : `    <testcase ${attributes}/>`;
      const message = figures(item, tensor, verdict).join(', ');
      const text = [...reasons(verdict), ...diagnosisLines(item, tensor)].join('\n');
      return `    <testcase ${attributes}><failure message="${escapedXml(message)}">${escapedXml(text)}</failure>${warning}</testcase>`;
    });
    const unsteady = (item.notDeterministic ?? []).map(
      (tensor) =>
        `    <testcase name="${escapedXml(`${tensor} repeated`)}" classname="${suite}"><failure message="two runs differ"/></testcase>`,
    );
    const failures = Object.values(item.tensors).filter(({ pass }) => !pass).length + unsteady.length;
    return [
      `  <testsuite name="${suite}" tests="${tests.length + unsteady.length}" failures="${failures}">`,
      ...tests,
      ...unsteady,
      '  </testsuite>',
    ].join('\n');
  });
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites, '</testsuites>'].join('\n');
}

/** A case's name may hold line ends, too. */
function titleOf({ name }: CheckedCase, tensor: string): string {
  return [name, tensor].filter(Boolean).join('.').replace(/\n/g, codeOf);
}

function figures(item: CheckedCase, tensor: string, verdict: Verdict): string[] {
  const { maxAbsError, naiveError, ratio, rmsRatio, relativeL2, correlation, tolerance, maxUlpError, worstIndex } =
    verdict;
  return [
    `error ${maxAbsError.toExponential(2)}`,
    `naive ${item.dtype} ${naiveError.toExponential(2)}`,
    `ratio ${shown(ratio, (x) => x.toFixed(2))}`,
    `rms ${shown(rmsRatio, (x) => x.toFixed(2))}`,
    `tolerance ${tolerance.toExponential(2)}`,
    `L2 ${shown(relativeL2, (x) => x.toExponential(1))}`,
    `correlation ${shown(correlation, (x) => x.toFixed(6))}`,
    `max ulp ${maxUlpError.toPrecision(3)}`,
    `worst at ${placeOf(worstIndex, axesOf(item, tensor))}`,
  ];
}

/** A figure that may not be defined, such as the correlation with an output of zeros alone. */
function shown(figure: number, format: (figure: number) => string): string {
  return Number.isNaN(figure) ? '–' : format(figure);
}

/** What fails of a tensor. */
function reasons({ actualAtWorst, expectedAtWorst, mismatches, slices, nonFinite }: Verdict): string[] {
  const failed = slices
    .slice(0, SHOWN_SLICES)
    .map(
      ({ axis, index, maxAbsError, tolerance }) =>
        `${axis} ${index} (${maxAbsError.toExponential(1)} of ${tolerance.toExponential(1)})`,
    );
  const more = slices.length > SHOWN_SLICES ? ` and ${slices.length - SHOWN_SLICES} more` : '';
  return [
    `${counted(mismatches, 'element')} out of tolerance; at the worst actual ${actualAtWorst}, expected ${expectedAtWorst}`,
    ...(failed.length > 0 ? [`beyond the tolerance of their own: ${failed.join(', ')}${more}`] : []),
    ...(nonFinite.mismatches > 0
      ? [
          `wrong among ${counted(nonFinite.count, 'element')} where the truth overflows or is not finite: ${nonFinite.mismatches}, first at [${nonFinite.firstIndex?.join(', ')}]`,
        ]
      : []),
  ];
}

function notesOf({ notDeterministic, sample }: CheckedCase): string[] {
  return [
    ...(notDeterministic
      ? [
          notDeterministic.length > 0
            ? `not deterministic: ${notDeterministic.join(', ')}`
            : 'two runs gave the same bits',
        ]
      : []),
    ...(sample
      ? [
          `${sample.judged} of ${sample.of} judged, drawn by seed ${sample.seed}${sample.notJudged.length > 0 ? `; not judged, because they are sums over all: ${sample.notJudged.join(', ')}` : ''}`,
        ]
      : []),
  ];
}

/** Shares of the elements by their error over the tolerance. */
function histogramLine({ histogram }: Verdict): string {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  const names = ['exact', ...HISTOGRAM.map((bound) => `≤ ${bound}`), 'more'];
  const shares = histogram.map((count, i) => `${names[i]}: ${((100 * count) / total).toFixed(1)}%`);
  return `elements by error over tolerance: ${shares.join(', ')}`;
}

function axesOf({ isImage }: CheckedCase, tensor: string): readonly string[] {
  return isImage && (tensor === 'o' || tensor === 'dQkv')
    ? ['image', 'line', 'column', 'channel']
    : ['window', 'head', 'row', 'column'];
}

/** An index by the names of its axes, for the tensors that have these. */
function placeOf(index: readonly number[], axes: readonly string[]): string {
  return index.length === 4 ? index.map((at, i) => `${axes[i]} ${at}`).join(', ') : `[${index.join(', ')}]`;
}

function diagnosisLines({ diagnosis }: CheckedCase, tensor: string): string[] {
  return (diagnosis?.[tensor] ?? []).map(({ name, explanation, residual, where }: Hypothesis) => {
    const places = Object.entries(where ?? {}).map(
      ([axis, list]) => `${list.length === 1 ? axis.replace(/s$/, '') : axis} ${shortened(list)}`,
    );
    const only = places.length > 0 ? `, only in ${places.join(', ')}` : '';
    return `${name}: ${explanation}${only} (residual ${residual.toExponential(1)})`;
  });
}

function shortened(list: readonly number[]): string {
  return list.length <= 6 ? list.join(' ') : `${list.slice(0, 5).join(' ')} … (${list.length})`;
}

/** Names of files may hold what a terminal obeys: control characters but for the line's end are shown as their codes. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => (character === '\n' ? character : codeOf(character)));
}

function escapedMarkdown(text: string): string {
  return plain(text)
    .replace(/\n/g, ' ')
    .replace(/[\\`*|<>[\]]/g, '\\$&');
}

/** XML 1.0 has no control characters at all. */
function escapedXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return plain(text)
    .replace(/[\ufffe\uffff]/g, codeOf)
    .replace(/[&<>"]/g, (character) => entities[character] as string);
}

function codeOf(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
