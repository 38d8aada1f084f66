import { useState } from 'preact/hooks';
import type { Selection } from '../playground.js';
import type { Block } from '../protocol.js';
import { probability } from './format.js';
import { heat } from './heat.js';

interface OverlayProps {
  readonly block: Block;
  readonly selection: Selection | undefined;
  onSelect(token: number): void;
}

/** A block's windows over the picture; a click or the arrow keys choose a token, whose attention is drawn as heat. */
export function WindowsOverlay({ block, selection, onSelect }: OverlayProps) {
  const { width, height } = block;
  const [hovered, setHovered] = useState<number | undefined>(undefined);
  const tokenAt = ({ offsetX, offsetY, currentTarget }: MouseEvent) => {
    const { clientWidth, clientHeight } = currentTarget as SVGElement;
    const x = Math.min(width - 1, Math.max(0, Math.floor((offsetX / clientWidth) * width)));
    const y = Math.min(height - 1, Math.max(0, Math.floor((offsetY / clientHeight) * height)));
    return y * width + x;
  };
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const from = selection?.token ?? 0;
    const y = Math.min(height - 1, Math.max(0, Math.floor(from / width) + (step[0] as number)));
    const x = Math.min(width - 1, Math.max(0, (from % width) + (step[1] as number)));
    onSelect(selection ? y * width + x : 0);
  };
  return (
    <div class="overlay">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="application"
        tabindex={0}
        aria-label={`Tokens of ${block.name}, ${height} rows of ${width}. The arrow keys choose a token.`}
        onClick={(event) => onSelect(tokenAt(event))}
        onKeyDown={move}
        onPointerMove={(event) => setHovered(tokenAt(event))}
        onPointerLeave={() => setHovered(undefined)}
      >
        <defs>
          <pattern id="parted" width="0.25" height="0.25" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="0.25" height="0.25" fill="rgb(0 0 0 / 0.6)" />
            <rect width="0.07" height="0.25" fill="rgb(255 255 255 / 0.75)" />
          </pattern>
        </defs>
        {selection ? <Heat block={block} selection={selection} /> : <Pieces block={block} />}
        <path class="halo" d={borders(block)} />
        <path class="lines" d={borders(block)} />
        {hovered !== undefined && <Cell block={block} token={hovered} class="hovered" />}
        {selection && <Cell block={block} token={selection.token} class="query" />}
      </svg>
      {hovered !== undefined && <Tip block={block} selection={selection} token={hovered} />}
    </div>
  );
}

function Cell({ block, token, class: name }: { block: Block; token: number; class: string }) {
  return <rect class={name} x={token % block.width} y={Math.floor(token / block.width)} width="1" height="1" />;
}

/** The row of P as heat, what the shift mask parts hatched, all other windows dark. */
function Heat({ block, selection: { token, row } }: { block: Block; selection: Selection }) {
  const tokens = block.tokensOf[row.window] ?? [];
  const largest = Math.max(...row.row);
  return (
    <>
      <path
        class="others"
        d={`M0 0H${block.width}V${block.height}H0Z${tokens.map((own) => square(block, own)).join('')}`}
      />
      {tokens.map((own, j) => {
        const isParted = block.pieceOf[own] !== block.pieceOf[token];
        const fill = isParted ? 'url(#parted)' : heat(Math.sqrt((row.row[j] as number) / largest));
        return (
          <rect
            key={own}
            x={own % block.width}
            y={Math.floor(own / block.width)}
            width="1"
            height="1"
            fill={fill}
            fill-opacity={isParted ? 1 : 0.72}
          />
        );
      })}
    </>
  );
}

/** Windows that the shift cut up wear one colour on all their pieces. */
function Pieces({ block }: { block: Block }) {
  return (
    <>
      {block.tokensOf.map((tokens, w) => {
        const isParted = tokens.some((token) => block.pieceOf[token] !== block.pieceOf[tokens[0] as number]);
        if (!isParted) return null;
        const hue = (w * 137) % 360;
        return (
          <path
            key={tokens[0]}
            d={tokens.map((token) => square(block, token)).join('')}
            fill={`hsl(${hue} 90% 55% / 0.3)`}
          />
        );
      })}
    </>
  );
}

function Tip({ block, selection, token }: { block: Block; selection: Selection | undefined; token: number }) {
  const [x, y] = [token % block.width, Math.floor(token / block.width)];
  return (
    <span
      class="tip"
      style={{
        left: `${(100 * (x + 0.5)) / block.width}%`,
        top: `${(100 * (y < block.height / 3 ? y + 1 : y)) / block.height}%`,
        translate: `${x < block.width / 4 ? '-10%' : x > (3 * block.width) / 4 ? '-90%' : '-50%'} ${y < block.height / 3 ? '20%' : '-120%'}`,
      }}
    >
      {tipText(block, selection, token)}
    </span>
  );
}

function tipText(block: Block, selection: Selection | undefined, token: number): string {
  const place = `row ${Math.floor(token / block.width)}, column ${token % block.width}`;
  const window = block.windowOf[token] as number;
  if (!selection) return `window ${window}, ${place}`;
  if (window !== selection.row.window) return `${place}: another window`;
  const p = selection.row.row[(block.tokensOf[window] ?? []).indexOf(token)] as number;
  const isParted = block.pieceOf[token] !== block.pieceOf[selection.token];
  return `${place}: ${probability(p)}${isParted ? ', masked' : ''}`;
}

function square({ width }: Block, token: number): string {
  return `M${token % width} ${Math.floor(token / width)}h1v1h-1z`;
}

/** Lines between tokens of different windows, and around all. */
function borders({ width, height, windowOf }: Block): string {
  const lines = [`M0 0H${width}V${height}H0Z`];
  for (let token = 0; token < width * height; token++) {
    const [x, y] = [token % width, Math.floor(token / width)];
    if (x + 1 < width && windowOf[token] !== windowOf[token + 1]) lines.push(`M${x + 1} ${y}v1`);
    if (y + 1 < height && windowOf[token] !== windowOf[token + width]) lines.push(`M${x} ${y + 1}h1`);
  }
  return lines.join('');
}
