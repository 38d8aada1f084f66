/// <reference lib="esnext.disposable" preserve="true" />
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Transferable } from 'node:worker_threads';
import type { ForwardOptions, ForwardOutput } from '../attention/interface.js';
import { MAX_THREADS } from '../kernel/core.js';
import { WEIGHT_DTYPES } from '../swin/linearWeight.js';
import { checkFlag } from '../swin/options.js';
import type { Classification } from '../swin/scores.js';
import { checkSignal } from '../tensor/abortSignal.js';
import { checkInteger, checkKeys, checkObject, checkOneOf, describe, message, tagOf } from '../tensor/check.js';
import { isArray, type Tensor } from '../tensor/tensor.js';
import { PoolWorkers } from './poolWorkers.js';
import type {
  ImageSource,
  Operation,
  PoolAttentionArgs,
  PoolCallOptions,
  PoolClassifyOptions,
  SwinPoolOptions,
} from './protocol.js';

const OPTIONS = ['model', 'workers', 'threads', 'relaxed', 'dtype', 'cache', 'maxPixels'] as const;
const IMAGE_OPTIONS = ['square', 'transfer', 'signal'] as const;
const MAX_WORKERS = 256;

/** Models and engines in worker threads of Node: the caller's event loop stays free while they compute. */
export interface SwinPool extends AsyncDisposable {
  /** The model's labels, in the order of its logits. */
  readonly labels: readonly string[];
  /** Workers that are ready or starting. */
  readonly workers: number;
  /** Calls that have not settled: those that run, and those that wait for a worker. */
  readonly pending: number;
  /**
   * The `topK` likeliest labels of an image, likeliest first, as `SwinForImageClassification.classify` gives them.
   * Rejects as it and `decodeImage` do; with the signal's reason; with Error where the worker ended, or after `dispose`.
   */
  classify(image: ImageSource, options?: PoolClassifyOptions): Promise<Classification[]>;
  /** The pooled features of an image, `[1, C]`, as `SwinForImageClassification.forward` gives them. Rejects as `classify` does. */
  embed(image: ImageSource, options?: PoolCallOptions): Promise<Tensor<Float32Array>>;
  /** Window attention, as `WindowAttention.forward` computes it and with its errors. The worker gets copies of the arrays. */
  forward(args: PoolAttentionArgs, options?: ForwardOptions): Promise<ForwardOutput<PoolAttentionArgs>>;
  /** Lets pending calls finish, then ends the workers. Later calls reject. Safe to call twice. */
  dispose(): Promise<void>;
}

/**
 * Starts worker threads, each with an engine and a model of its own, and resolves once all are ready. A call goes to a
 * worker that is free, or waits for one. A worker that ends rejects the call that it ran and is replaced. Idle workers do
 * not keep a process alive. For Node, and for the `node:worker_threads` of Deno and Bun.
 *
 * Rejects with TypeError or RangeError for a bad option, with what loading the model throws.
 */
export async function createSwinPool(options: SwinPoolOptions = {}): Promise<SwinPool> {
  checkKeys('options', checkObject('options', options), OPTIONS);
  const { model, workers, ...rest } = options;
  if (model !== undefined && typeof model !== 'string' && tagOf(model) !== 'URL') {
    throw new TypeError(message('model', 'a directory or URL', describe(model)));
  }
  checkSettings(rest);
  const count = checkInteger('workers', workers ?? availableParallelism(), 1, MAX_WORKERS);
  const embedded = () => fileURLToPath(new URL('../../models/swin-cifar10', import.meta.url));
  const threads = await PoolWorkers.start(count, { ...rest, model: String(model ?? embedded()) });
  return new WorkerSwinPool(threads);
}

/** @throws TypeError or RangeError for what a worker would ignore or refuse, or no message could hold. */
function checkSettings(settings: Omit<SwinPoolOptions, 'model' | 'workers'>): void {
  const { threads, dtype, cache, maxPixels, relaxed } = settings;
  if (threads !== undefined) checkInteger('threads', threads, 0, MAX_THREADS);
  if (dtype !== undefined) checkOneOf('dtype', dtype, WEIGHT_DTYPES);
  if (cache !== undefined && typeof cache !== 'string')
    throw new TypeError(message('cache', 'a directory', describe(cache)));
  if (maxPixels !== undefined) checkInteger('maxPixels', maxPixels, 1);
  checkFlag('relaxed', relaxed);
}

class WorkerSwinPool implements SwinPool {
  constructor(private readonly threads: PoolWorkers) {}

  get labels(): readonly string[] {
    return this.threads.labels;
  }

  get workers(): number {
    return this.threads.size;
  }

  get pending(): number {
    return this.threads.pending;
  }

  async classify(image: ImageSource, options: PoolClassifyOptions = {}): Promise<Classification[]> {
    checkKeys('options', checkObject('options', options), [...IMAGE_OPTIONS, 'topK']);
    const { topK, square } = options;
    if (topK !== undefined) checkInteger('topK', topK, 1);
    return this.#image('classify', image, options, { topK, square }) as Promise<Classification[]>;
  }

  async embed(image: ImageSource, options: PoolCallOptions = {}): Promise<Tensor<Float32Array>> {
    checkKeys('options', checkObject('options', options), IMAGE_OPTIONS);
    return this.#image('embed', image, options, { square: options.square }) as Promise<Tensor<Float32Array>>;
  }

  async forward(args: PoolAttentionArgs, options: ForwardOptions = {}): Promise<ForwardOutput<PoolAttentionArgs>> {
    checkKeys('options', checkObject('options', options), ['lse', 'signal']);
    const signal = checkSignal(options.signal);
    const transfer: Transferable[] = [];
    const input = Object.fromEntries(
      Object.entries(checkObject('args', args)).map(([name, value]) => [name, tensorCopy(value, transfer)]),
    );
    if (input.out !== undefined) throw new TypeError(message('args.out', 'undefined in a pool', describe(input.out)));
    const output = this.threads.run('forward', input, { lse: options.lse }, transfer, signal);
    return output as Promise<ForwardOutput<PoolAttentionArgs>>;
  }

  dispose(): Promise<void> {
    return this.threads.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #image(operation: Operation, image: ImageSource, options: PoolCallOptions, own: object): Promise<unknown> {
    const signal = checkSignal(options.signal);
    checkFlag('square', options.square);
    checkFlag('transfer', options.transfer);
    const [input, buffer] = handedOver(image, options.transfer ?? false);
    return this.threads.run(operation, input, own, buffer ? [buffer] : [], signal);
  }
}

/** The image as a message can hold it, and the buffer that goes with it. */
function handedOver(image: ImageSource, transfer: boolean): [input: unknown, buffer?: ArrayBuffer] {
  if (isBuffer(image) || (isBytes(image) && tagOf(image) === 'Uint8Array')) {
    // Also what was handed over before, of which nothing may be read: the worker says what it expects.
    if (image.byteLength === 0) return [new Uint8Array(0)];
    const bytes = ownBytes(isBuffer(image) ? new Uint8Array(image) : image, transfer);
    return [bytes, bytes.buffer];
  }
  const { data, width, height } = checkObject('image', image) as { data?: unknown; width?: unknown; height?: unknown };
  if (!isBytes(data)) return [{ data, width, height }];
  if (data.length === 0) return [{ data: new Uint8Array(0), width, height }];
  const bytes = ownBytes(data, transfer);
  return [{ data: bytes, width, height }, bytes.buffer];
}

// By tag and not by class: values may be of another realm.
const isBuffer = (value: unknown): value is ArrayBuffer => /^(Shared)?ArrayBuffer$/.test(tagOf(value));
const isBytes = (value: unknown): value is Uint8Array | Uint8ClampedArray =>
  ArrayBuffer.isView(value) && /^Uint8(Clamped)?Array$/.test(tagOf(value));

/** Bytes in a buffer that holds nothing else: Node keeps many small ones in one. */
function ownBytes<T extends Uint8Array | Uint8ClampedArray>(bytes: T, transfer: boolean): T & { buffer: ArrayBuffer } {
  const isAlone = tagOf(bytes.buffer) === 'ArrayBuffer' && bytes.byteLength === bytes.buffer.byteLength;
  return (transfer && isAlone ? bytes : Uint8Array.prototype.slice.call(bytes)) as T & { buffer: ArrayBuffer };
}

/** A tensor whose array is a copy, put on the list of what is transferred; what is none as it is, for the worker to refuse. */
function tensorCopy(value: unknown, transfer: Transferable[]): unknown {
  const { data, dims, type } = Object(value) as Partial<Tensor>;
  if (!ArrayBuffer.isView(data)) return value;
  const copy = elementsCopy(data);
  if (copy !== data) transfer.push(copy.buffer as ArrayBuffer);
  return { data: copy, dims: Array.isArray(dims) ? [...dims] : dims, type };
}

const ELEMENTS = ['Float32Array', 'Float64Array', 'Float16Array', 'Uint16Array'] as const;

/** A copy of what attention takes, other arrays themselves. */
function elementsCopy(data: ArrayBufferView): ArrayBufferView {
  const name = ELEMENTS.find((own) => isArray(data, own));
  if (!name) return data;
  // Of a lost buffer nothing may be read. `Buffer.slice` makes no copy, and a tensor's own class may do as it likes.
  if (data.byteLength === 0) return new (globalThis as unknown as Record<typeof name, typeof Uint16Array>)[name](0);
  return Uint8Array.prototype.slice.call(data as Uint8Array) as ArrayBufferView;
}
