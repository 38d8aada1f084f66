import type { AttentionArgs } from '../arguments/attentionArgs.js';
import type { RawImage } from '../image/rawImage.js';
import type { WeightDType } from '../swin/linearWeight.js';
import type { CallOptions } from '../tensor/abortSignal.js';
import type { HostUrl } from '../tensor/hostTypes.js';

/** A PNG, JPEG or WebP file, which the worker decodes, or pixels. */
export type ImageSource = Uint8Array | ArrayBuffer | RawImage;

/** Options of `createSwinPool`. */
export interface SwinPoolOptions {
  /** A model's directory or URL; the embedded one when absent. */
  readonly model?: string | HostUrl | undefined;
  /** Workers, each with a model of its own; one a core when absent. */
  readonly workers?: number | undefined;
  /** Threads of each worker's engine, 1 when absent. More of them answer one call sooner, more workers answer more calls. */
  readonly threads?: number | undefined;
  /** Allow relaxed SIMD; false when absent. */
  readonly relaxed?: boolean | undefined;
  /** What the linear layers' weights are kept as. */
  readonly dtype?: WeightDType | undefined;
  /** A directory that keeps downloaded files. */
  readonly cache?: string | undefined;
  /** Images of more pixels are refused before memory is taken for them; 100,000,000 when absent. */
  readonly maxPixels?: number | undefined;
}

/** Options of a call on an image. */
export interface PoolCallOptions extends CallOptions {
  /** Take the largest square in the image's middle. */
  readonly square?: boolean | undefined;
  /** Hand the image's bytes over in place of a copy of them: the caller's array is then empty. */
  readonly transfer?: boolean | undefined;
}

/** Options of a pool's `classify`. */
export interface PoolClassifyOptions extends PoolCallOptions {
  /** Labels to return, 5 when absent. */
  readonly topK?: number | undefined;
}

/** Arguments of a pool's `forward`: a worker cannot write to an array of its caller. */
export type PoolAttentionArgs = Omit<AttentionArgs, 'out'> & { readonly out?: undefined };

/** What a worker is started with: options that a message can hold. */
export type WorkerSettings = Omit<SwinPoolOptions, 'model' | 'workers'> & { readonly model: string };

/** What a worker can compute. */
export type Operation = 'classify' | 'embed' | 'forward';

/** To a worker: a call, or the end of one. */
export type ToWorker =
  | { readonly id: number; readonly operation: Operation; readonly input: unknown; readonly options: object }
  | { readonly abort: number };

/** From a worker: that it is ready, or the outcome of a call. */
export type FromWorker =
  | { readonly labels: readonly string[] }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: unknown };
