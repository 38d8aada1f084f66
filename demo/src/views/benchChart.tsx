import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { BenchResult } from '../protocol.js';
import { SIDES } from './speedView.js';

interface ChartProps {
  readonly shapes: readonly string[];
  readonly results: readonly BenchResult[];
}

const HEIGHT = 260;

/** GFLOP/s of each side at each shape, as bars. The table below it says the same to screen readers. */
export function BenchChart({ shapes, results }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const parent = place.current;
    if (!parent) return;
    const draw = () => chartIn(parent, shapes, results);
    let chart = draw();
    const again = () => {
      chart.destroy();
      chart = draw();
    };
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', again);
    let width = parent.clientWidth;
    const observer = new ResizeObserver(() => {
      if (parent.clientWidth === width) return;
      width = parent.clientWidth;
      again();
    });
    observer.observe(parent);
    return () => {
      scheme.removeEventListener('change', again);
      observer.disconnect();
      chart.destroy();
    };
  }, [shapes, results]);
  return (
    <figure class="chart" aria-hidden="true">
      <figcaption>
        {SIDES.map(({ side, label }) => (
          <span key={side} data-side={side}>
            {label}
          </span>
        ))}
        <span>GFLOP/s, more is better</span>
      </figcaption>
      <div ref={place} />
    </figure>
  );
}

/** A bar has an x of its own: groups of one bar a side, and a gap. */
function chartIn(parent: HTMLElement, shapes: readonly string[], results: readonly BenchResult[]): uPlot {
  const group = SIDES.length + 1;
  const style = getComputedStyle(parent);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const xs = shapes.flatMap((_, s) => SIDES.map((_, n) => s * group + n));
  const columns = SIDES.map(({ side }, n) =>
    shapes.flatMap((shape) =>
      SIDES.map((_, at) =>
        at === n ? (results.find((own) => own.shape === shape && own.side === side)?.gflops ?? null) : null,
      ),
    ),
  );
  const bars = uPlot.paths.bars?.({ size: [0.9, 48] });
  const axis = { stroke: colour('--text'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
  return new uPlot(
    {
      width: parent.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: [-1, shapes.length * group - 1] },
        y: { range: (_, __, max) => [0, 1.1 * max] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          splits: () => shapes.map((_, s) => s * group + (SIDES.length - 1) / 2),
          values: () => [...shapes],
        },
        { ...axis, size: 40 },
      ],
      series: [
        {},
        ...SIDES.map(({ side, label }) => ({
          label,
          fill: colour(`--${side}`),
          stroke: colour(`--${side}`),
          points: { show: false },
          ...(bars && { paths: bars }),
        })),
      ],
    },
    [xs, ...columns] as uPlot.AlignedData,
    parent,
  );
}
