import { checkObject, checkTensor } from '../tensor/check.js';
import { isArray, product, type TensorLike, toFloat32 } from '../tensor/tensor.js';
import { checkFiniteWeight } from './finiteWeights.js';
import type { LinearWeight } from './linearWeight.js';

/** Buffers that upstream code stores and recomputes, and the token of masked pre-training. */
const UNUSED = /(^|\.)(relative_position_index|relative_coords_table|attn_mask|k_bias|mask_token)$/;

/** The tensors of a model by name; every one must be taken once, with the shape that the config implies. */
export class StateDict {
  readonly names: readonly string[];
  /** Names of the linear layers' matrices that were taken. */
  readonly matrices: string[] = [];
  readonly #left: Set<string>;

  constructor(private readonly tensors: Readonly<Record<string, TensorLike>>) {
    this.names = Object.keys(checkObject('tensors', tensors));
    this.#left = new Set(this.names);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.tensors, name);
  }

  /**
   * The tensor; the first of `names` that is there, for what upstream has renamed.
   * @throws RangeError naming a tensor that is missing, has another shape, or holds NaN or an infinity.
   */
  take(names: string | readonly string[], dims: readonly number[]): TensorLike {
    const name = this.#find(names, dims);
    const checked = checkTensor(name, this.tensors[name]);
    checkSizes(name, checked.dims, dims);
    checkFiniteWeight(name, checked);
    this.#left.delete(name);
    // Plain, so that a copy with other dims has its data.
    return { data: checked.data, dims: checked.dims, type: checked.type };
  }

  /**
   * A linear layer's matrix; where it is int8, `<name>_scale` `[out, 1]` belongs to it, as compressed-tensors has it.
   * @throws RangeError as `take` does.
   */
  takeMatrix(names: string | readonly string[], dims: readonly [number, number]): LinearWeight {
    const name = this.#find(names, dims);
    this.matrices.push(name);
    const tensor = this.tensors[name] as Partial<TensorLike> | null | undefined;
    const data: unknown = tensor?.data;
    if (!isArray(data, 'Int8Array')) return this.take(name, dims);
    const own: unknown = tensor?.dims;
    const isShape = Array.isArray(own) && own.every(Number.isSafeInteger) && product(own) === data.length;
    checkSizes(name, isShape ? own : [data.length], dims);
    const scales = toFloat32(this.take(`${name}_scale`, [dims[0], 1]));
    this.#left.delete(name);
    return { data, dims, scales, type: 'int8' };
  }

  #find(names: string | readonly string[], dims: readonly number[]): string {
    const candidates = typeof names === 'string' ? [names] : names;
    const name = candidates.find((candidate) => this.has(candidate));
    if (name !== undefined) return name;
    const wanted = candidates.map((candidate) => JSON.stringify(candidate)).join(' or ');
    throw new RangeError(`tensor ${wanted} expected with dims [${dims.join(', ')}], got none of that name`);
  }

  /** The sizes of a tensor whose size no config says; none where it is missing. */
  dimsOf(name: string): readonly number[] {
    return this.has(name) ? checkTensor(name, this.tensors[name]).dims : [];
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
}

function checkSizes(name: string, dims: readonly number[], expected: readonly number[]): void {
  if (dims.length !== expected.length || dims.some((dim, i) => dim !== expected[i])) {
    throw new RangeError(`tensor "${name}" expected dims [${expected.join(', ')}], got [${dims.join(', ')}]`);
  }
}
