import { closest, hint } from './spelling.js';
import { type FloatData, type FloatType, isArray, product, type TensorLike } from './tensor.js';

/**
 * A float tensor that was checked. It keeps the tensor itself and reads its elements when they are asked for, so that a
 * call may wait while memory grows and views of it are made anew.
 */
export class CheckedTensor implements TensorLike {
  constructor(
    private readonly name: string,
    /** The tensor that was given. */
    readonly source: TensorLike,
    readonly dims: readonly number[],
    readonly type: FloatType,
  ) {}

  /** The elements; half-precision ones as bits. @throws TypeError or RangeError where they are no longer what was checked. */
  get data(): FloatData {
    const { data, type } = this.source;
    if (floatType(this.name, data, type) !== this.type) {
      throw new TypeError(message(`${this.name}.data`, `${this.type} as when it was checked`, describe(data)));
    }
    return checkLength(this.name, data as FloatData, this.dims);
  }
}

/** How an argument is shown in an error: short, and never the elements. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 64));
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(describe).join(', ')}${value.length > 8 ? ', …' : ''}]`;
  return Object(value) === value ? tagOf(value) : String(value);
}

/** What an object is called, whatever realm made it: `Float32Array`, `URL`, `WebAssembly.Module`. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** `"name" expected …, got …`: the form of every public error. `got` is text: `describe` makes it of an argument. */
export function message(name: string, expected: string, got: string): string {
  return `"${name}" expected ${expected}, got ${got}`;
}

/**
 * Checks that `value` is a float tensor with `data.length === product(dims)`.
 * @throws TypeError for something that is no tensor or no float type; RangeError for bad dims or length.
 */
export function checkTensor(name: string, value: unknown): CheckedTensor {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(message(name, 'a tensor { data, dims }', describe(value)));
  const source = value as TensorLike;
  const { data, dims, type } = value as Partial<TensorLike>;
  if (!Array.isArray(dims)) throw new TypeError(message(`${name}.dims`, 'an array of integers', describe(dims)));
  for (const dim of dims) {
    if (typeof dim !== 'number') throw new TypeError(message(`${name}.dims`, 'integers', describe(dims)));
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new RangeError(message(`${name}.dims`, 'integers ≥ 0', describe(dims)));
  }
  const checkedType = floatType(name, data, type);
  checkLength(name, data as FloatData, dims);
  return new CheckedTensor(name, source, [...dims], checkedType);
}

/**
 * `checkTensor` and the exact dims, `undefined` standing for any size.
 * @throws RangeError naming the shape that was expected, in the letters of `legend`.
 */
export function checkDims(
  name: string,
  value: unknown,
  legend: string,
  expected: readonly (number | undefined)[],
): CheckedTensor {
  const tensor = checkTensor(name, value);
  const fits =
    tensor.dims.length === expected.length && expected.every((e, i) => e === undefined || e === tensor.dims[i]);
  if (!fits) {
    const wanted = expected.map((size) => size ?? '?').join(', ');
    throw new RangeError(message(name, `dims ${legend} = [${wanted}]`, `[${tensor.dims.join(', ')}]`));
  }
  return tensor;
}

/** @throws TypeError when not a number, RangeError when not an integer in `[min, max]`. */
export function checkInteger(name: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number') throw new TypeError(message(name, 'an integer', describe(value)));
  if (!Number.isInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `≥ ${min}` : `from ${min} to ${max}`;
    throw new RangeError(message(name, `an integer ${range}`, describe(value)));
  }
  return value;
}

/** @throws TypeError when not a number, RangeError when NaN or infinite. */
export function checkFinite(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(message(name, 'a number', describe(value)));
  if (!Number.isFinite(value)) throw new RangeError(message(name, 'a finite number', describe(value)));
  return value;
}

/** @throws TypeError unless `value` is one of `allowed`. */
export function checkOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) {
    throw new TypeError(message(name, `one of ${allowed.map((a) => JSON.stringify(a)).join(', ')}`, describe(value)));
  }
  return value as T;
}

/** @throws TypeError unless `value` is an object. */
export function checkObject(name: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError(message(name, 'an object', describe(value)));
  return value as Record<string, unknown>;
}

/**
 * Of the `known` keys, an error names those that are the call's `own`.
 * @throws TypeError for a key that is none of `known`: a misspelt name would be ignored.
 */
export function checkKeys(name: string, value: object, known: readonly string[], own = known): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const got = `${describe(unknown)}${hint(unknown, own, closest(unknown, own) ?? closest(unknown, known))}`;
  throw new TypeError(message(name, `keys of ${own.join(', ')}`, got));
}

/** The elements, half-precision ones as bits. @throws RangeError for another number of them than `dims` say. */
function checkLength(name: string, data: FloatData, dims: readonly number[]): FloatData {
  if (data.length !== product(dims)) {
    const expected = `${product(dims)} elements for dims [${dims.join(', ')}]`;
    throw new RangeError(message(`${name}.data`, expected, describe(data.length)));
  }
  // A Float16Array is read through its bits, so that everything below knows one half-precision form only.
  return isArray(data, 'Float16Array') ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
}

function floatType(name: string, data: unknown, type: unknown): FloatType {
  const own = typeOfArray(data);
  if (isArray(data, 'Uint16Array')) {
    if (type === 'float16' || type === 'bfloat16') return type;
    const expected = 'type "float16" or "bfloat16" beside a Uint16Array';
    throw new TypeError(message(`${name}.data`, expected, `type ${describe(type)}`));
  }
  if (!own) {
    const expected = 'a Float32Array, Float64Array, Float16Array or Uint16Array of half-precision bits';
    throw new TypeError(message(`${name}.data`, expected, describe(data)));
  }
  if (type !== undefined && type !== own) {
    throw new TypeError(message(`${name}.type`, `"${own}" for its array`, describe(type)));
  }
  return own;
}

function typeOfArray(data: unknown): FloatType | undefined {
  if (isArray(data, 'Float32Array')) return 'float32';
  if (isArray(data, 'Float64Array')) return 'float64';
  return isArray(data, 'Float16Array') ? 'float16' : undefined;
}
