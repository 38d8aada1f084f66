import { bicubic } from '../reference/bicubic.js';
import { toFloat64 } from '../tensor/tensor.js';
import type { Architecture, StageShape } from './config.js';
import type { ModelNames } from './names.js';
import type { Pending } from './pending.js';
import type { StateDict } from './stateDict.js';

/** Absolute position embeddings: what is added to every patch's. */
export interface PositionEmbeddings<V = Pending<Float64Array>> {
  /** `[rows · columns, C]`. */
  readonly values: V;
  readonly grid: readonly [number, number];
  /** Backbones resize them to other grids; classifiers refuse those. */
  readonly isResized: boolean;
}

/**
 * Reads `[1, patches, C]`, or a backbone's `[1, C, rows, columns]`, for the size that the model was built for.
 * @throws RangeError for a tensor that is missing or misshapen.
 */
export function readPositionEmbeddings(
  dict: StateDict,
  { positionEmbeddings: name, convention }: ModelNames,
  { hasPositionEmbeddings, imageSize, patchSize, stages }: Architecture,
): PositionEmbeddings | undefined {
  if (!hasPositionEmbeddings) return undefined;
  const C = (stages[0] as StageShape).C;
  const [rows, columns] = imageSize.map((size, axis) => Math.floor(size / (patchSize[axis] as number))) as [
    number,
    number,
  ];
  const isImage = dict.dimsOf(name).length === 4;
  const tensor = dict.take(name, isImage ? [1, C, rows, columns] : [1, rows * columns, C]);
  return {
    values: tensor.map((own) => {
      const values = toFloat64(own);
      if (!isImage) return values;
      return values.map((_, i) => values[(i % C) * rows * columns + Math.floor(i / C)] as number);
    }),
    grid: [rows, columns],
    isResized: convention === 'detection' || convention === 'openmmlab',
  };
}

/**
 * The embeddings of H × W patches, `[H · W, C]`. Source: transformers, `SwinEmbeddings`; Microsoft's backbone for
 * detection and MMPretrain, which resize them (bicubic).
 * @throws RangeError for a grid that they do not fit.
 */
export function positionEmbeddingsOf(
  { values, grid, isResized }: PositionEmbeddings<Float64Array>,
  H: number,
  W: number,
) {
  const [rows, columns] = grid;
  if (isResized && (H !== rows || W !== columns))
    return bicubic(values, grid, [H, W], values.length / (rows * columns));
  if (rows * columns === H * W) return values;
  throw new RangeError(
    `"pixelValues" expected ${rows} × ${columns} patches, for which the model has position embeddings, got ${H} × ${W}`,
  );
}
