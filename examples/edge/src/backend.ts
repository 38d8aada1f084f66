import type { AttentionArgs, ForwardOutput, Tensor } from 'flash-window-attention';
import type { RawImage } from 'flash-window-attention/image';
import type { Classification } from 'flash-window-attention/swin';

/** What the service needs done: on its own thread (isolate.ts), or in workers (`createSwinPool`, in Node). */
export interface Backend {
  readonly labels: readonly string[];
  /** `image`: a PNG, JPEG or WebP file, or pixels. */
  classify(image: Uint8Array | RawImage, options: ImageOptions & { readonly topK: number }): Promise<Classification[]>;
  /** Pooled features, `[1, C]`. */
  embed(image: Uint8Array | RawImage, options: ImageOptions): Promise<Tensor<Float32Array>>;
  forward(
    args: ForwardArgs,
    options: { readonly lse: boolean; readonly signal: AbortSignal },
  ): Promise<ForwardOutput<ForwardArgs>>;
}

export type ForwardArgs = Omit<AttentionArgs, 'out'> & { readonly out?: undefined };

export interface ImageOptions {
  readonly square: boolean;
  readonly signal: AbortSignal;
}
