import { signal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { block, blockIndex, head, picture, selection, step } from '../playground.js';
import type { Block, Steps } from '../protocol.js';
import { BlockPicker } from './blockPicker.js';
import { probability } from './format.js';
import { type Frame, framesOf } from './frames.js';
import { heat } from './heat.js';
import { MatrixView } from './matrixView.js';

const PACE = 1800;
/** Room between windows, in tokens. */
const GAP = 0.7;
/** Scores below this are masked ones. */
const MASKED = -50;

const steps = signal<Steps | undefined>(undefined);
const window = signal(0);
const at = signal(0);
const isPlaying = signal(false);

export function StepsView() {
  useSignalEffect(() => {
    const current = block.value;
    if (!current) return;
    const chosen = selection.value?.row.window ?? current.tokensOf.length - 1;
    window.value = Math.min(chosen, current.tokensOf.length - 1);
  });
  useSignalEffect(() => {
    const [block, own, of] = [blockIndex.value, window.value, head.value];
    if (!picture.value || !blocksAreThere()) return;
    step('Computing the steps', (playground) => playground.steps(block, own, of)).then((found) => {
      if (found) steps.value = found;
    });
  });
  const [current, shown] = [block.value, steps.value];
  if (!current || !shown || current.tokensOf[0]?.length !== shown.L) {
    return <p class="empty">The steps come once the picture has been computed.</p>;
  }
  const frames = framesOf(current, shown);
  const index = Math.min(at.value, frames.length - 1);
  const frame = frames[index] as Frame;
  return (
    <div class="steps">
      <div class="card">
        <BlockPicker>
          <label>
            Window
            <select value={window.value} onChange={({ currentTarget }) => (window.value = Number(currentTarget.value))}>
              {current.tokensOf.map((tokens, w) => (
                <option key={tokens[0]} value={w}>
                  {w + 1} of {current.tokensOf.length}
                </option>
              ))}
            </select>
          </label>
        </BlockPicker>
        <Player frames={frames} index={index} />
        <p class="narration" aria-live="polite" data-testid="frame">
          <strong>{frame.title}.</strong> {frame.text}
        </p>
      </div>
      <div class="stage">
        <Tiles block={current} frame={frame} steps={shown} />
        <div class="beside">
          {frame.matrix ? (
            <Matrix frame={frame} L={shown.L} D={shown.D} />
          ) : (
            <p class="empty">The window's matrix comes here when its turn is.</p>
          )}
        </div>
      </div>
    </div>
  );
}

const blocksAreThere = () => block.value !== undefined;

function Player({ frames, index }: { readonly frames: readonly Frame[]; readonly index: number }) {
  useEffect(() => {
    if (!isPlaying.value) return;
    const timer = setInterval(() => {
      if (at.value + 1 < frames.length) at.value++;
      else isPlaying.value = false;
    }, PACE);
    return () => clearInterval(timer);
  }, [isPlaying.value, frames.length]);
  const go = (to: number) => {
    isPlaying.value = false;
    at.value = Math.min(frames.length - 1, Math.max(0, to));
  };
  const play = () => {
    if (!isPlaying.value && index === frames.length - 1) at.value = 0;
    isPlaying.value = !isPlaying.value;
  };
  return (
    <div class="player">
      <button type="button" disabled={index === 0} onClick={() => go(index - 1)}>
        Back
      </button>
      <button type="button" class="main" onClick={play}>
        {isPlaying.value ? 'Pause' : 'Play'}
      </button>
      <button type="button" disabled={index === frames.length - 1} onClick={() => go(index + 1)}>
        Next
      </button>
      <input
        type="range"
        aria-label="Step"
        aria-valuetext={frames[index]?.title ?? ''}
        min="0"
        max={frames.length - 1}
        value={index}
        onInput={({ currentTarget }) => go(Number(currentTarget.value))}
      />
    </div>
  );
}

function Matrix({ frame, L, D }: { readonly frame: Frame; readonly L: number; readonly D: number }) {
  const { matrix, features } = frame;
  if (!matrix) return null;
  const shown = matrix.cells.filter((value) => value > MASKED);
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const colour = (value: number) =>
    value > MASKED
      ? heat((value - low) / (high - low || 1))
      : Number.isNaN(value)
        ? 'rgb(128 128 128 / 0.25)'
        : '#3d4a5c';
  return (
    <>
      <MatrixView
        cellSize={26 / Math.max(L, matrix.columns)}
        label={matrix.label}
        rows={L}
        columns={matrix.columns}
        cells={matrix.cells}
        down="query"
        across={matrix.across}
        colour={colour}
        show={(value) => (Number.isNaN(value) ? 'not yet' : value > MASKED ? probability(value) : 'masked')}
      />
      <div class="features">
        <span>Features</span>
        {Array.from({ length: D }, (_, d) => d).map((d) => (
          <i key={d} data-used={features && d >= features.from && d < features.to ? 'yes' : 'no'} />
        ))}
      </div>
    </>
  );
}

/** The picture's tokens, each a piece of it, where the step has them. */
function Tiles({
  block: current,
  frame,
  steps: shown,
}: {
  readonly block: Block;
  readonly frame: Frame;
  readonly steps: Steps;
}) {
  const { width, height, windowSize, shiftSize, windowOf } = current;
  const [Wh, Ww] = windowSize;
  const [acrossWindows, downWindows] = [Math.ceil(width / Ww), Math.ceil(height / Wh)];
  const isCut = frame.layout === 'windows';
  const total = [
    height + (isCut ? GAP * (downWindows - 1) : 0),
    width + (isCut ? GAP * (acrossWindows - 1) : 0),
  ] as const;
  const unit = 100 / Math.max(...total);
  const lengths = frame.tokens && shown[frame.tokens];
  const [shortest, longest] = lengths ? [Math.min(...lengths), Math.max(...lengths)] : [0, 1];
  const url = picture.value?.url;
  return (
    <div class="tiles" role="img" aria-label={`${frame.title}: ${height} × ${width} tokens`}>
      {Array.from({ length: width * height }, (_, token) => {
        const [y, x] = [Math.floor(token / width), token % width];
        const isMoved = frame.layout !== 'image';
        const row = isMoved ? (y - shiftSize[0] + height) % height : y;
        const column = isMoved ? (x - shiftSize[1] + width) % width : x;
        const top = row + (isCut ? GAP * Math.floor(row / Wh) : 0);
        const left = column + (isCut ? GAP * Math.floor(column / Ww) : 0);
        const share = lengths && ((lengths[token] as number) - shortest) / (longest - shortest || 1);
        return (
          <i
            key={token}
            data-dimmed={frame.matrix && windowOf[token] !== window.value ? 'yes' : 'no'}
            style={{
              width: `${unit}%`,
              height: `${unit}%`,
              top: `${top * unit}%`,
              left: `${left * unit}%`,
              backgroundImage: `url(${url})`,
              backgroundSize: `${100 * width}% ${100 * height}%`,
              backgroundPosition: `${(100 * x) / Math.max(1, width - 1)}% ${(100 * y) / Math.max(1, height - 1)}%`,
              boxShadow:
                share === undefined ? 'none' : `inset 0 0 0 99px color-mix(in srgb, ${heat(share)} 70%, transparent)`,
            }}
          />
        );
      })}
    </div>
  );
}
