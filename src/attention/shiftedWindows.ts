import type { CheckedShiftedWindowArgs } from '../arguments/shiftedWindowArgs.js';
import { toFloat32 } from '../tensor/tensor.js';

/**
 * An image `[B, Himg, Wimg, 3C]` seen as windows (B·nW, H, L, D): padding, shift, partition and head split as index
 * arithmetic, so that neither a padded nor a partitioned copy exists.
 */
export class ShiftedWindows {
  readonly #qkv: Float32Array;
  readonly #padding: Float32Array;

  constructor(
    private readonly args: CheckedShiftedWindowArgs,
    private readonly out: Float32Array,
  ) {
    this.#qkv = toFloat32(args.qkv);
    this.#padding = args.paddingQkv ? toFloat32(args.paddingQkv) : new Float32Array(3 * args.C);
  }

  /** Copies q (0), k (1) or v (2) of whole window-heads, from float `start` of (B·nW, H, L, D), to `target`. */
  read(which: 0 | 1 | 2, start: number, target: Float32Array): void {
    const { C, headDim } = this.args;
    this.#forEachRow(start, target.length, (row, token, channel) => {
      const from = token === undefined ? which * C + channel : token * 3 * C + which * C + channel;
      const source = token === undefined ? this.#padding : this.#qkv;
      target.set(source.subarray(from, from + headDim), row);
    });
  }

  /** Puts the outputs of whole window-heads back in their place in the image; those of padding are dropped. */
  write(start: number, values: Float32Array): void {
    const { C, headDim } = this.args;
    this.#forEachRow(start, values.length, (row, token, channel) => {
      if (token !== undefined) this.out.set(values.subarray(row, row + headDim), token * C + channel);
    });
  }

  /** Visits each row of D floats with its token in the image, `undefined` for padding, and its first channel. */
  #forEachRow(
    start: number,
    length: number,
    visit: (row: number, token: number | undefined, channel: number) => void,
  ): void {
    const { numHeads, headDim, Himg, Wimg, grid } = this.args;
    const { windowSize, shiftSize, paddedHeight, paddedWidth, nW, L } = grid;
    const [Wh, Ww] = windowSize;
    const columns = paddedWidth / Ww;
    const firstHead = start / (L * headDim);
    for (let i = 0; i < length / (L * headDim); i++) {
      const windowHead = firstHead + i;
      const window = Math.floor(windowHead / numHeads);
      const image = Math.floor(window / nW);
      const top = Math.floor((window % nW) / columns) * Wh + shiftSize[0];
      const left = ((window % nW) % columns) * Ww + shiftSize[1];
      const channel = (windowHead % numHeads) * headDim;
      for (let token = 0; token < L; token++) {
        const y = (top + Math.floor(token / Ww)) % paddedHeight;
        const x = (left + (token % Ww)) % paddedWidth;
        const isPadding = y >= Himg || x >= Wimg;
        visit((i * L + token) * headDim, isPadding ? undefined : (image * Himg + y) * Wimg + x, channel);
      }
    }
  }
}
