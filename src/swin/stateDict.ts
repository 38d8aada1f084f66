import { checkTensor } from '../tensor/check.js';
import type { TensorLike } from '../tensor/tensor.js';

/** Buffers that upstream code stores and recomputes. */
const BUFFERS = /(^|\.)(relative_position_index|relative_coords_table|attn_mask|k_bias)$/;

/** The tensors of a model by name; every one must be taken once, with the shape that the config implies. */
export class StateDict {
  readonly #left: Set<string>;

  constructor(private readonly tensors: Readonly<Record<string, TensorLike>>) {
    this.#left = new Set(Object.keys(tensors));
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

  /** The size along an axis of a tensor whose size no config says; 0 where it is missing. */
  sizeOf(name: string, axis: number): number {
    return this.has(name) ? (checkTensor(name, this.tensors[name]).dims[axis] ?? 0) : 0;
  }

  /** @throws RangeError naming tensors that the config has no place for. */
  checkNothingLeft(): void {
    const extra = [...this.#left].filter((name) => !BUFFERS.test(name));
    if (extra.length > 0) {
      const shown = extra.slice(0, 5).map((name) => JSON.stringify(name));
      throw new RangeError(
        `tensors expected: only those of the config, got ${shown.join(', ')}${extra.length > 5 ? ', …' : ''}`,
      );
    }
  }
}
