import { createWindowAttention } from '../attention/createWindowAttention.js';
import { SwinForImageClassification } from '../swin/index.js';
import type { TensorLike } from '../tensor/tensor.js';

type Files = Parameters<typeof SwinForImageClassification.fromStateDict>;
/** A model's tensors and config. */
export type ModelParts = readonly [tensors: Files[0], config: Files[1]];

/** How a model's logits differ from another's. */
export interface LogitComparison {
  readonly images: number;
  readonly maxError: number;
  readonly rmsError: number;
  /** `rmsError` relative to the standard deviation of the given model's logits. */
  readonly relativeError: number;
  /** Share of the images whose likeliest label is the same. */
  readonly agreement: number;
}

/** Compares two models' logits, image by image `[1, C, H, W]`, of which there is at least one. */
export async function compareLogits(
  given: ModelParts,
  rounded: ModelParts,
  images: AsyncIterable<TensorLike>,
): Promise<LogitComparison> {
  const attention = await createWindowAttention();
  const open = ([tensors, config]: ModelParts) =>
    SwinForImageClassification.fromStateDict(tensors, config, { attention });
  const differences = new Differences();
  try {
    const [truth, other] = [await open(given), await open(rounded)];
    for await (const image of images) {
      const { logits } = await truth.forward(image);
      differences.add(logits.data, (await other.forward(image)).logits.data);
    }
  } finally {
    await attention.dispose();
  }
  return differences.result();
}

class Differences {
  #images = 0;
  #same = 0;
  #maxError = 0;
  #squaredErrors = 0;
  #count = 0;
  #mean = 0;
  /** Of the logits from their mean so far, as Welford sums them. */
  #squares = 0;

  add(truth: Float32Array, rounded: Float32Array): void {
    this.#images++;
    if (likeliest(truth) === likeliest(rounded)) this.#same++;
    truth.forEach((value, i) => {
      const error = Math.abs((rounded[i] as number) - value);
      this.#maxError = Math.max(this.#maxError, error);
      this.#squaredErrors += error ** 2;
      const before = value - this.#mean;
      this.#mean += before / ++this.#count;
      this.#squares += before * (value - this.#mean);
    });
  }

  result(): LogitComparison {
    return {
      images: this.#images,
      maxError: this.#maxError,
      rmsError: Math.sqrt(this.#squaredErrors / this.#count),
      relativeError: Math.sqrt(this.#squaredErrors / this.#squares),
      agreement: this.#same / this.#images,
    };
  }
}

function likeliest(logits: Float32Array): number {
  return logits.reduce((best, value, i) => (value > (logits[best] as number) ? i : best), 0);
}
