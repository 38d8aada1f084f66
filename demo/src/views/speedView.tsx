import { signal } from '@preact/signals';
import { progress, settings, step } from '../playground.js';
import type { BenchReport, BenchResult, Side } from '../protocol.js';
import { BenchChart } from './benchChart.js';
import { Card } from './card.js';
import { engineName, error, milliseconds } from './format.js';
import { Scrolled } from './scrolled.js';

export const SIDES: readonly { readonly side: Side; readonly label: string }[] = [
  { side: 'typescript', label: 'Naive TypeScript' },
  { side: 'onnxruntime', label: 'onnxruntime-web' },
  { side: 'ours', label: 'This library' },
];

const report = signal<BenchReport | undefined>(undefined);
const isCopied = signal(false);
const isRunning = signal(false);

export function SpeedView() {
  const run = async () => {
    isRunning.value = true;
    const measured = await step('Measuring', (playground, hear) => playground.measure(settings.value, hear));
    isRunning.value = false;
    if (measured) report.value = measured;
    isCopied.value = false;
  };
  const stop = () => step('Stopping', (playground) => playground.stop());
  const shown = report.value;
  return (
    <div class="speed">
      <Card title="This device's chart">
        <p>
          Attention at the four stages of Swin-T on one picture of 224²: the float64 reference in TypeScript,
          onnxruntime-web on the same formula, and this library ({engineName(settings.value)}; the first tab chooses).
          Each is checked against float64 before it is timed. onnxruntime-web, 14 MB, comes from this page's own files
          when you start.
        </p>
        <div class="player">
          <button type="button" class="main" disabled={progress.value !== undefined} onClick={run}>
            {shown ? 'Measure again' : 'Measure this device'}
          </button>
          {isRunning.value && (
            <button type="button" onClick={stop}>
              Stop
            </button>
          )}
        </div>
        <p class="unseen" role="status">
          {shown && !isRunning.value && 'The measurement is done: its table follows.'}
        </p>
        {shown ? <Report report={shown} /> : <p class="empty">No measurement yet. It takes about ten seconds.</p>}
      </Card>
    </div>
  );
}

function Report({ report: shown }: { readonly report: BenchReport }) {
  const shapes = [...new Set(shown.results.map(({ shape }) => shape))];
  const resultOf = (shape: string, side: Side) =>
    shown.results.find((result) => result.shape === shape && result.side === side);
  const copy = async () => {
    await navigator.clipboard.writeText(markdownOf(shown));
    isCopied.value = true;
  };
  return (
    <>
      <BenchChart shapes={shapes} results={shown.results} />
      {shown.missing.map((text) => (
        <p key={text} class="failure">
          {text}
        </p>
      ))}
      <Scrolled label="Milliseconds and errors">
        <table>
          <caption>Milliseconds, and largest error against float64</caption>
          <thead>
            <tr>
              <th scope="col">Stage</th>
              {SIDES.map(({ side, label }) => (
                <th key={side} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shapes.map((shape) => (
              <tr key={shape}>
                <th scope="row">{shape}</th>
                {SIDES.map(({ side }) => (
                  <Cell key={side} result={resultOf(shape, side)} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolled>
      <details>
        <summary>As Markdown</summary>
        <pre data-testid="markdown">{markdownOf(shown)}</pre>
      </details>
      <button type="button" onClick={copy}>
        {isCopied.value ? 'Copied' : 'Copy Markdown'}
      </button>
    </>
  );
}

function Cell({ result }: { readonly result: BenchResult | undefined }) {
  return (
    <td>
      {result ? (
        <>
          {milliseconds(result.milliseconds)} <small>{error(result.error)}</small>
        </>
      ) : (
        '–'
      )}
    </td>
  );
}

function markdownOf({ results, ours, machine }: BenchReport): string {
  const shapes = [...new Set(results.map(({ shape }) => shape))];
  const rows = shapes.map((shape) => {
    const cells = SIDES.map(({ side }) => {
      const result = results.find((own) => own.shape === shape && own.side === side);
      return result ? `${milliseconds(result.milliseconds)} (${error(result.error)})` : '–';
    });
    return `| ${[shape, ...cells].join(' | ')} |`;
  });
  return [
    `| Swin-T, 224² | ${SIDES.map(({ label }) => label).join(' | ')} |`,
    '|---|--:|--:|--:|',
    ...rows,
    '',
    `This library: ${ours}. In parentheses the largest error against float64. ${machine}`,
  ].join('\n');
}
