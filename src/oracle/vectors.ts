import { checkInteger, checkObject, checkOneOf, describe, message } from '../tensor/check.js';
import { numberToBfloat16, numberToFloat16 } from '../tensor/half.js';
import { float32Tensor, product, type Tensor } from '../tensor/tensor.js';
import { checkNames } from './names.js';

/** What test vectors are made of. */
export const VECTOR_KINDS = ['random', 'adversarial', 'extreme'] as const;
export type VectorKind = (typeof VECTOR_KINDS)[number];

export interface VectorOptions {
  /** `[B, H, L, D]`. */
  readonly shape: readonly [number, number, number, number];
  /** `random`: about normal. `adversarial`: equal keys, one key that takes all, signs that cancel. `extreme`: rows that are
   * masked throughout, huge and tiny numbers. */
  readonly kind?: VectorKind | undefined;
  readonly bias?: boolean | undefined;
  /** Windows of a mask; 0, the default, for none. */
  readonly nW?: number | undefined;
  /** Swin V2's logit scale. */
  readonly cosine?: boolean | undefined;
  /** dO for gradients. */
  readonly backward?: boolean | undefined;
  /** Element type of all tensors; inputs of tf32 kernels are float32. */
  readonly dtype?: 'float32' | 'tf32' | 'bfloat16' | 'float16' | undefined;
  readonly seed?: number | undefined;
}

const OPTION_NAMES = ['shape', 'kind', 'bias', 'nW', 'cosine', 'backward', 'dtype', 'seed'] as const;
/** Elements of a tensor and of all together: as many as any host's arrays and files hold. */
const MOST_ELEMENTS = 2 ** 31 - 1;

/** What an option asks for: there for `true`, absent for `false`, and there or not where its type says neither. */
type Asked<O, Option extends string, Name extends string> = O extends { readonly [K in Option]: true }
  ? { readonly [K in Name]: Tensor }
  : O extends { readonly [K in Option]?: false | 0 | undefined }
    ? unknown
    : { readonly [K in Name]?: Tensor };

/** Inputs by the names that `forward`, `backward` and `checkCase` take. */
export type Vectors<O extends VectorOptions = VectorOptions> = { readonly [K in 'q' | 'k' | 'v']: Tensor } & Asked<
  O,
  'bias',
  'bias'
> &
  Asked<O, 'nW', 'mask'> &
  Asked<O, 'cosine', 'logitScale'> &
  Asked<O, 'backward', 'dO'>;

/**
 * Inputs for a kernel, by the names that `checkCase` takes: `q`, `k`, `v` `[B, H, L, D]`, and as asked for `bias`
 * `[H, L, L]`, `mask` `[nW, L, L]`, `logitScale` `[H]`, `dO` `[B, H, L, D]`. The same options give the same bits on every
 * machine: integers and exact divisions alone.
 * @throws RangeError for sizes below 1, more elements than memory has room for, or an nW that does not divide B; TypeError for
 * an unknown option or one of a wrong type.
 */
export function makeVectors<const O extends VectorOptions>(options: O): Vectors<O> {
  checkNames('options', checkObject('options', options), OPTION_NAMES);
  const { shape, bias = false, cosine = false, backward = false } = options;
  if (!Array.isArray(shape) || shape.length !== 4) {
    throw new TypeError(message('shape', '[B, H, L, D]', describe(shape)));
  }
  const [B, H, L, D] = shape.map((size, i) => checkInteger(`shape[${i}]`, size, 1)) as [number, number, number, number];
  const kind = checkOneOf('kind', options.kind ?? 'random', VECTOR_KINDS);
  const dtype = checkOneOf('dtype', options.dtype ?? 'float32', ['float32', 'tf32', 'bfloat16', 'float16']);
  const nW = checkInteger('nW', options.nW ?? 0, 0);
  if (nW > 0 && B % nW !== 0) throw new RangeError(message('nW', `a divisor of B = ${B}`, describe(nW)));
  checkElements([
    ...Array<readonly number[]>(backward ? 4 : 3).fill([B, H, L, D]),
    ...(bias ? [[H, L, L]] : []),
    ...(nW > 0 ? [[nW, L, L]] : []),
  ]);
  const next = generator(checkInteger('seed', options.seed ?? 1, 0, 2 ** 32 - 1));
  const normal = (dims: readonly number[]) => float32Tensor(dims, zeros(dims).map(next));
  const tensors: Record<string, Tensor<Float32Array>> = {
    q: normal([B, H, L, D]),
    k: normal([B, H, L, D]),
    v: normal([B, H, L, D]),
    ...(bias && { bias: normal([H, L, L]) }),
    ...(nW > 0 && { mask: maskOf(normal([nW, L, L])) }),
    ...(cosine && { logitScale: normal([H]) }),
    ...(backward && { dO: normal([B, H, L, D]) }),
  };
  if (kind === 'adversarial') makeAdversarial(tensors, L, D);
  if (kind === 'extreme') makeExtreme(tensors, L, D, dtype === 'float16' ? 2 ** 6 : 2 ** 20);
  const encode = ([name, tensor]: [string, Tensor<Float32Array>]) => [name, encoded(tensor, dtype)];
  return Object.fromEntries(Object.entries(tensors).map(encode)) as Vectors<O>;
}

/** @throws RangeError naming the shape, for a tensor of more elements than an array holds, and for more in all. */
function checkElements(tensors: readonly (readonly number[])[]): void {
  const expected = `tensors of at most ${MOST_ELEMENTS} elements`;
  const large = tensors.find((dims) => product(dims) > MOST_ELEMENTS);
  if (large) throw new RangeError(message('shape', expected, `a tensor of [${large.join(', ')}]`));
  const elements = tensors.reduce((sum, dims) => sum + product(dims), 0);
  if (elements > MOST_ELEMENTS) throw new RangeError(message('shape', `${expected} in all`, `${elements}`));
}

/** @throws RangeError naming the shape, for more elements than memory has room for. */
function zeros(dims: readonly number[]): Float32Array {
  try {
    return new Float32Array(product(dims));
  } catch (cause) {
    const got = `a tensor of [${dims.join(', ')}]`;
    throw new RangeError(message('shape', 'tensors that memory has room for', got), { cause });
  }
}

/** Sums of four 22-bit uniform numbers, of mean 0 and standard deviation 1.15, exact in float32. Source: mulberry32. */
function generator(seed: number): () => number {
  let state = seed | 0;
  const bits = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) >>> 10;
  };
  return () => (bits() + bits() + bits() + bits() - 2 ** 23) / 2 ** 21;
}

/** 0 and −100, as Swin's masks have them. */
function maskOf({ dims, data }: Tensor<Float32Array>): Tensor<Float32Array> {
  return float32Tensor(
    dims,
    data.map((x) => (x > 0.7 ? -100 : 0)),
  );
}

/** By turns over windows and heads: all keys equal; the last key far above the rest; features that cancel in pairs. */
function makeAdversarial({ q, k }: Record<string, Tensor<Float32Array>>, L: number, D: number): void {
  const [queries, keys] = [q?.data as Float32Array, k?.data as Float32Array];
  for (let head = 0, at = 0; at < keys.length; head++, at += L * D) {
    if (head % 3 === 0) for (let i = 1; i < L; i++) keys.copyWithin(at + i * D, at, at + D);
    if (head % 3 === 1) {
      for (let d = 0; d < D; d++) keys[at + (L - 1) * D + d] = 64 * Math.sign(queries[at + d] as number);
    }
    if (head % 3 === 2) {
      for (let i = at; i + 1 < at + L * D; i += 2) {
        queries[i + 1] = queries[i] as number;
        keys[i + 1] = -(keys[i] as number);
      }
    }
  }
}

/** By turns over windows and heads: huge and tiny numbers, zeros; and where there is a mask, a row of −∞ alone. */
function makeExtreme(tensors: Record<string, Tensor<Float32Array>>, L: number, D: number, huge: number): void {
  const factors = [huge, 1 / huge, 0];
  for (const name of ['q', 'k', 'v']) {
    const { data } = tensors[name] as Tensor<Float32Array>;
    data.forEach((x, at) => {
      data[at] = x * (factors[Math.floor(at / (L * D)) % factors.length] as number);
    });
  }
  const mask = tensors.mask?.data;
  if (mask) mask.fill(Number.NEGATIVE_INFINITY, 0, L);
}

function encoded(tensor: Tensor<Float32Array>, dtype: string): Tensor {
  if (dtype !== 'float16' && dtype !== 'bfloat16') return tensor;
  const encode = dtype === 'float16' ? numberToFloat16 : numberToBfloat16;
  return { data: Uint16Array.from(tensor.data, encode), dims: tensor.dims, type: dtype };
}
