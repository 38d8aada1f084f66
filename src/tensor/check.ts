import { type FloatType, product, type TensorLike } from './tensor.js';

// Float16Array exists from Node 24 on; TypeScript's lib for Node 20 does not know it.
const Float16ArrayIfAny = (globalThis as { Float16Array?: new (length: number) => object }).Float16Array;

/** How an argument is shown in an error: short, and never the elements. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 64));
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(describe).join(', ')}${value.length > 8 ? ', …' : ''}]`;
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** `"name" expected …, got …`: the form of every public error. `got` is text: `describe` makes it of an argument. */
export function message(name: string, expected: string, got: string): string {
  return `"${name}" expected ${expected}, got ${got}`;
}

/**
 * Checks that `value` is a float tensor with `data.length === product(dims)` and returns it with its type filled in.
 * @throws TypeError for something that is no tensor or no float type; RangeError for bad dims or length.
 */
export function checkTensor(name: string, value: unknown): TensorLike & { readonly type: FloatType } {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(message(name, 'a tensor { data, dims }', describe(value)));
  const { data, dims, type } = value as Partial<TensorLike>;
  if (!Array.isArray(dims)) throw new TypeError(message(`${name}.dims`, 'an array of integers', describe(dims)));
  for (const dim of dims) {
    if (typeof dim !== 'number') throw new TypeError(message(`${name}.dims`, 'integers', describe(dims)));
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new RangeError(message(`${name}.dims`, 'integers ≥ 0', describe(dims)));
  }
  const checked = { data: checkData(name, data, type), dims, type: floatType(name, data, type) };
  if (checked.data.length !== product(dims)) {
    throw new RangeError(
      message(`${name}.data`, `${product(dims)} elements for dims [${dims.join(', ')}]`, describe(checked.data.length)),
    );
  }
  return checked;
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
): TensorLike & { readonly type: FloatType } {
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

/** A Float16Array is read through its bits, so that everything below knows one half-precision form only. */
function checkData(name: string, data: unknown, type: unknown): Float32Array | Float64Array | Uint16Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (data instanceof Uint16Array && (type === 'float16' || type === 'bfloat16')) return data;
  if (Float16ArrayIfAny && data instanceof Float16ArrayIfAny) {
    const view = data as unknown as Uint16Array;
    return new Uint16Array(view.buffer, view.byteOffset, view.length);
  }
  const expected =
    data instanceof Uint16Array
      ? 'type "float16" or "bfloat16" beside a Uint16Array'
      : 'a Float32Array, Float64Array, Float16Array or Uint16Array of half-precision bits';
  throw new TypeError(
    message(`${name}.data`, expected, describe(data instanceof Uint16Array ? `type ${describe(type)}` : data)),
  );
}

function floatType(name: string, data: unknown, type: unknown): FloatType {
  const natural: FloatType | undefined =
    data instanceof Float32Array ? 'float32' : data instanceof Float64Array ? 'float64' : undefined;
  if (data instanceof Uint16Array) return type as FloatType;
  const own = natural ?? 'float16';
  if (type !== undefined && type !== own)
    throw new TypeError(message(`${name}.type`, `"${own}" for its array`, describe(type)));
  return own;
}
