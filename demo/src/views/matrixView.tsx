import { useEffect, useRef, useState } from 'preact/hooks';

interface MatrixProps {
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  readonly cells: readonly number[];
  readonly down: string;
  readonly across: string;
  colour(value: number): string;
  show(value: number): string;
  /** Largest side of a cell, in rem. */
  readonly cellSize: number;
}

/** A matrix as a picture, its numbers under the pointer. */
export function MatrixView({ label, rows, columns, cells, down, across, colour, show, cellSize }: MatrixProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [under, setUnder] = useState<number | undefined>(undefined);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    cells.forEach((value, at) => {
      context.fillStyle = colour(value);
      context.fillRect(at % columns, Math.floor(at / columns), 1, 1);
    });
  }, [cells, columns, colour]);
  const locate = ({ offsetX, offsetY, currentTarget }: PointerEvent) => {
    const { clientWidth, clientHeight } = currentTarget as HTMLCanvasElement;
    const x = Math.min(columns - 1, Math.floor((offsetX / clientWidth) * columns));
    const y = Math.min(rows - 1, Math.floor((offsetY / clientHeight) * rows));
    setUnder(y < 0 || x < 0 ? undefined : y * columns + x);
  };
  const value = under === undefined ? undefined : cells[under];
  return (
    <figure class="matrix" style={{ maxWidth: `${Math.max(16, columns * cellSize)}rem` }}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${label}: ${rows} × ${columns}, ${down} down, ${across} across`}
        width={columns}
        height={rows}
        style={{ aspectRatio: `${columns} / ${rows}`, maxWidth: `${columns * cellSize}rem` }}
        onPointerMove={locate}
        onPointerDown={locate}
        onPointerLeave={() => setUnder(undefined)}
      />
      <figcaption>
        <strong>{label}</strong>
        <span>
          {value === undefined || under === undefined
            ? `${down} ↓, ${across} →`
            : `${down} ${Math.floor(under / columns)}, ${across} ${under % columns}: ${show(value)}`}
        </span>
      </figcaption>
    </figure>
  );
}
