// The program of a pool's worker: an engine and a model, for calls that come one at a time.
import { parentPort, workerData } from 'node:worker_threads';
import type { AttentionArgs } from '../arguments/attentionArgs.js';
import { createWindowAttention } from '../attention/createWindowAttention.js';
import type { ForwardOutput } from '../attention/interface.js';
import { decodeImage } from '../image/decodeImage.js';
import type { RawImage } from '../image/rawImage.js';
import { SwinForImageClassification } from '../swin/swinForImageClassification.js';
import { describe, message } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import type { FromWorker, ImageSource, Operation, PoolClassifyOptions, ToWorker, WorkerSettings } from './protocol.js';

const settings = workerData as WorkerSettings;
const aborts = new Map<number, AbortController>();

const { threads, relaxed, model: source, dtype, cache } = settings;
const attention = await createWindowAttention({ threads, relaxed });
const model = await SwinForImageClassification.fromPretrained(source, { attention, dtype, cache });

const OPERATIONS: Readonly<Record<Operation, (input: unknown, options: PoolClassifyOptions) => Promise<unknown>>> = {
  classify: async (input, options) => model.classify(await pixelsOf(input as ImageSource), options),
  async embed(input, { square, signal }) {
    const pixels = model.preprocess(await pixelsOf(input as ImageSource), { square });
    return (await model.forward(pixels, { signal })).poolerOutput;
  },
  forward: (input, options) => attention.forward(input as AttentionArgs, options),
};

parentPort?.on('message', async (request: ToWorker) => {
  if ('abort' in request) {
    aborts.get(request.abort)?.abort();
    return;
  }
  const { id, operation, input, options } = request;
  const abort = new AbortController();
  aborts.set(id, abort);
  try {
    const value = await OPERATIONS[operation](input, { ...options, signal: abort.signal });
    answer({ id, value }, buffersOf(value));
  } catch (error) {
    answer({ id, error });
  } finally {
    aborts.delete(id);
  }
});
answer({ labels: model.labels });

async function pixelsOf(image: ImageSource): Promise<RawImage> {
  if (image instanceof Uint8Array || image instanceof ArrayBuffer) {
    return decodeImage(image, { maxPixels: settings.maxPixels });
  }
  if (typeof image !== 'object' || image === null || !('width' in image)) {
    throw new TypeError(message('image', 'the bytes of a file, or { data, width, height }', describe(image)));
  }
  return image;
}

function answer(outcome: FromWorker, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(outcome, transfer);
}

/** Those of the tensors that calls return. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (Array.isArray(value)) return [];
  const tensors = 'data' in (value as object) ? [value as Tensor] : Object.values(value as ForwardOutput);
  return tensors.map((tensor) => (tensor as Tensor).data.buffer as ArrayBuffer);
}
