import type { Tensor, TensorLike } from 'flash-window-attention';
import { cyclicShift, shiftedWindowMask, windowPartition } from 'flash-window-attention/reference';
import type { Block } from '../protocol.js';
import type { TracedCall } from './trace.js';

/** A block's image cut into windows: q, k, v `[nW, H, L, D]`. */
export interface BlockWindows {
  readonly q: Tensor<Float64Array>;
  readonly k: Tensor<Float64Array>;
  readonly v: Tensor<Float64Array>;
  readonly bias: TensorLike | undefined;
  /** `[nW, L, L]`, where the block shifts. */
  readonly mask: Tensor<Float64Array> | undefined;
  readonly windowSize: readonly [number, number];
  readonly shiftSize: readonly [number, number];
  readonly height: number;
  readonly width: number;
  /** `[nW · L]`: the token of the image that stands at each place of the windows. */
  readonly tokens: Float64Array;
}

const pair = (size: number | readonly [number, number]) => (typeof size === 'number' ? ([size, size] as const) : size);

/** Cuts one image, whose sides the window divides, as `shiftedWindowAttention` does. */
export function windowsOf({ args }: TracedCall): BlockWindows {
  const { qkv, numHeads, relativePositionBias } = args;
  const [, height, width, channels] = qkv.dims as [number, number, number, number];
  const windowSize = pair(args.windowSize);
  // A window as large as the image holds every token: torchvision's rule.
  const shiftSize = pair(args.shiftSize ?? 0).map((shift, axis) =>
    (windowSize[axis] as number) >= ([height, width][axis] as number) ? 0 : shift,
  ) as unknown as readonly [number, number];
  const cut = (image: TensorLike) =>
    windowPartition(cyclicShift(image, shiftSize.map((shift) => -shift) as [number, number]), windowSize);
  const indices = Float64Array.from({ length: height * width }, (_, token) => token);
  const isShifted = shiftSize.some((shift) => shift > 0);
  const L = windowSize[0] * windowSize[1];
  const [q, k, v] = splitHeads(cut(qkv), numHeads, L, channels / 3 / numHeads);
  return {
    q,
    k,
    v,
    bias: relativePositionBias,
    mask: isShifted ? shiftedWindowMask(height, width, windowSize, shiftSize) : undefined,
    windowSize,
    shiftSize,
    height,
    width,
    tokens: cut({ data: indices, dims: [1, height, width, 1] }).data,
  };
}

/** `[nW, Wh, Ww, 3·H·D]` → q, k, v `[nW, H, L, D]`. */
function splitHeads(windows: Tensor<Float64Array>, H: number, L: number, D: number) {
  const nW = windows.dims[0] as number;
  return [0, 1, 2].map((part) => {
    const data = new Float64Array(nW * H * L * D);
    data.forEach((_, at) => {
      const [d, i, h, w] = [at % D, Math.floor(at / D) % L, Math.floor(at / (D * L)) % H, Math.floor(at / (D * L * H))];
      data[at] = windows.data[(w * L + i) * 3 * H * D + part * H * D + h * D + d] as number;
    });
    return { data, dims: [nW, H, L, D], type: 'float64' as const };
  }) as Tensor<Float64Array>[] as [Tensor<Float64Array>, Tensor<Float64Array>, Tensor<Float64Array>];
}

/** What the page draws of a block. */
export function blockOf(windows: BlockWindows, stage: number, number: number): Block {
  const { q, tokens, mask, height, width, windowSize, shiftSize } = windows;
  const [nW, heads, L, headDim] = q.dims as [number, number, number, number];
  const windowOf = new Array<number>(height * width).fill(0);
  const pieceOf = new Array<number>(height * width).fill(0);
  const tokensOf = Array.from({ length: nW }, (_, w) => Array.from(tokens.subarray(w * L, (w + 1) * L)));
  tokensOf.forEach((own, w) => {
    // A piece is named by its first token: the first that the mask does not part from it.
    own.forEach((token, i) => {
      windowOf[token] = w;
      pieceOf[token] = mask ? own.findIndex((_, j) => mask.data[(w * L + i) * L + j] === 0) : 0;
    });
  });
  const name = `Stage ${stage + 1}, block ${number + 1}${mask ? ', shifted' : ''}`;
  return { name, stage, height, width, windowSize, shiftSize, heads, headDim, windowOf, pieceOf, tokensOf };
}
