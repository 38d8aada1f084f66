import { checkObject, checkTensor, message } from '../tensor/check.js';
import { isArray, product, type TensorLike, toFloat32 } from '../tensor/tensor.js';
import { checkFiniteWeight } from './finiteWeights.js';
import type { LinearWeight } from './linearWeight.js';
import { Arrival, joined, type Pending } from './pending.js';
import type { TensorDescription } from './tensorSource.js';

/** Buffers that upstream code stores and recomputes, and the token of masked pre-training. */
const UNUSED = /(^|\.)(relative_position_index|relative_coords_table|attn_mask|k_bias|mask_token)$/;

const FLOATS: readonly string[] = ['float32', 'float64', 'float16', 'bfloat16'];

/**
 * The tensors of a model by name, which are there or come later; every one must be taken once, with the shape that the
 * config implies.
 */
export class StateDict {
  readonly names: readonly string[];
  /** Names of the linear layers' matrices that were taken. */
  readonly matrices: string[] = [];
  readonly #left: Set<string>;
  /** What is there, or else what tells of it. */
  readonly #tensors: Readonly<Record<string, TensorLike>> | undefined;
  readonly #entries: ReadonlyMap<string, TensorDescription> | undefined;
  /** What was taken and has not come yet. */
  readonly #awaited = new Map<string, Arrival<TensorLike>>();

  /** Of tensors that are there; given `entries`, of what these describe and `bring` is to be given. */
  constructor(tensors: Readonly<Record<string, TensorLike>>, entries?: ReadonlyMap<string, TensorDescription>) {
    this.#entries = entries;
    this.#tensors = entries ? undefined : (checkObject('tensors', tensors) as Readonly<Record<string, TensorLike>>);
    this.names = this.#entries ? [...this.#entries.keys()] : Object.keys(tensors);
    this.#left = new Set(this.names);
  }

  /** Of tensors that come. */
  static awaiting(entries: ReadonlyMap<string, TensorDescription>): StateDict {
    return new StateDict({}, entries);
  }

  has(name: string): boolean {
    return this.#tensors ? Object.hasOwn(this.#tensors, name) : this.#entries?.has(name) === true;
  }

  /**
   * The tensor; the first of `names` that is there, for what upstream has renamed.
   * @throws RangeError naming a tensor that is missing, has another shape or, where it is there, holds NaN or an infinity.
   */
  take(names: string | readonly string[], dims: readonly number[]): Pending<TensorLike> {
    const name = this.#find(names, dims);
    const { type } = this.#describe(name);
    if (!FLOATS.includes(type)) throw new TypeError(message(name, `a tensor of ${FLOATS.join(', ')}`, type));
    return this.#takeOne(name, dims);
  }

  /**
   * A linear layer's matrix; where it is int8, `<name>_scale` `[out, 1]` belongs to it, as compressed-tensors has it.
   * @throws RangeError as `take` does.
   */
  takeMatrix(names: string | readonly string[], dims: readonly [number, number]): Pending<LinearWeight> {
    const name = this.#find(names, dims);
    this.matrices.push(name);
    if (this.#describe(name).type !== 'int8') return this.take(name, dims);
    const parts = [this.#takeOne(name, dims), this.take(`${name}_scale`, [dims[0], 1])];
    return joined(parts, { dims, type: 'int8' }, (values) => {
      const [{ data }, scales] = values as [TensorLike, TensorLike];
      return { data: data as Int8Array, dims, scales: toFloat32(scales), type: 'int8' };
    });
  }

  /** The sizes of a tensor whose size no config says; none where it is missing. */
  dimsOf(name: string): readonly number[] {
    return this.has(name) ? this.#describe(name).dims : [];
  }

  /**
   * Hands a tensor that has come to those who took it.
   * @throws RangeError naming it where it holds NaN or an infinity; what they throw.
   */
  bring(name: string, tensor: TensorLike): void {
    const awaited = this.#awaited.get(name);
    this.#awaited.delete(name);
    if (!awaited) return;
    if (awaited.type !== 'int8') checkFiniteWeight(name, tensor as TensorLike & { readonly type: string });
    awaited.bring(tensor);
  }

  /**
   * Checks that no tensor is left, or none under `prefixes`.
   * @throws RangeError naming tensors that the config has no place for.
   */
  checkNothingLeft(prefixes: readonly string[] = ['']): void {
    const extra = [...this.#left].filter((name) => {
      return !UNUSED.test(name) && prefixes.some((prefix) => name.startsWith(prefix));
    });
    if (extra.length > 0) {
      const shown = extra.slice(0, 5).map((name) => JSON.stringify(name));
      throw new RangeError(
        `tensors expected: only those of the config, got ${shown.join(', ')}${extra.length > 5 ? ', …' : ''}`,
      );
    }
  }

  #find(names: string | readonly string[], dims: readonly number[]): string {
    const candidates = typeof names === 'string' ? [names] : names;
    const name = candidates.find((candidate) => this.has(candidate));
    if (name !== undefined) return name;
    const wanted = candidates.map((candidate) => JSON.stringify(candidate)).join(' or ');
    throw new RangeError(`tensor ${wanted} expected with dims [${dims.join(', ')}], got none of that name`);
  }

  /** @throws TypeError and RangeError for what is no tensor of floats or int8. */
  #describe(name: string): TensorDescription {
    if (!this.#tensors) return this.#entries?.get(name) as TensorDescription;
    const { data, dims } = (this.#tensors[name] ?? {}) as Partial<TensorLike>;
    if (!isArray(data, 'Int8Array')) return checkTensor(name, this.#tensors[name]);
    const isShape = Array.isArray(dims) && dims.every(Number.isSafeInteger) && product(dims) === data.length;
    return { dims: isShape ? dims : [data.length], type: 'int8' };
  }

  #takeOne(name: string, dims: readonly number[]): Pending<TensorLike> {
    const description = this.#describe(name);
    checkSizes(name, description.dims, dims);
    this.#left.delete(name);
    const arrival = new Arrival<TensorLike>({ dims, type: description.type });
    this.#awaited.set(name, arrival);
    if (this.#tensors) {
      // As it was checked: a Float16Array by its bits. Plain, so that a copy with other dims has its data.
      const { data, type } =
        description.type === 'int8' ? (this.#tensors[name] as TensorLike) : checkTensor(name, this.#tensors[name]);
      this.bring(name, { data, dims, ...(type !== undefined && { type }) });
    }
    return arrival;
  }
}

function checkSizes(name: string, dims: readonly number[], expected: readonly number[]): void {
  if (dims.length !== expected.length || dims.some((dim, i) => dim !== expected[i])) {
    throw new RangeError(`tensor "${name}" expected dims [${expected.join(', ')}], got [${dims.join(', ')}]`);
  }
}
