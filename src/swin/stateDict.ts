import { checkTensor } from '../tensor/check.js';
import type { TensorLike } from '../tensor/tensor.js';

/** Buffers that upstream code stores and recomputes, and the token of masked pre-training. */
const UNUSED = /(^|\.)(relative_position_index|relative_coords_table|attn_mask|k_bias|mask_token)$/;

/** The tensors of a model by name; every one must be taken once, with the shape that the config implies. */
export class StateDict {
  readonly names: readonly string[];
  readonly #left: Set<string>;

  constructor(private readonly tensors: Readonly<Record<string, TensorLike>>) {
    this.names = Object.keys(tensors);
    this.#left = new Set(this.names);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.tensors, name);
  }

  /**
   * The tensor; the first of `names` that is there, for what upstream has renamed.
   * @throws RangeError naming a tensor that is missing or has another shape.
   */
  take(names: string | readonly string[], dims: readonly number[]): TensorLike {
    const candidates = typeof names === 'string' ? [names] : names;
    const name = candidates.find((candidate) => this.has(candidate));
    if (name === undefined) {
      const wanted = candidates.map((candidate) => JSON.stringify(candidate)).join(' or ');
      throw new RangeError(`tensor ${wanted} expected with dims [${dims.join(', ')}], got none of that name`);
    }
    const tensor = checkTensor(name, this.tensors[name]);
    if (tensor.dims.length !== dims.length || tensor.dims.some((dim, i) => dim !== dims[i])) {
      throw new RangeError(`tensor "${name}" expected dims [${dims.join(', ')}], got [${tensor.dims.join(', ')}]`);
    }
    this.#left.delete(name);
    return tensor;
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
