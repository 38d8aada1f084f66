const NUMBERS = [0, 1, -1, 2, 3, 7, 8, 255, 256, 65535, 65536, 0x7fffffff, 0xffffffff, 0x80000000, -0x80000000];
const MAX_BYTES = 65536;
const MAX_CHANGES = 4;

/** Values that no argument expects, and some that one may. */
const STRANGE = [
  undefined,
  null,
  true,
  false,
  '',
  '7',
  'auto',
  '__proto__',
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  7,
  64,
  1e-320,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e308,
  10n,
  Symbol('strange'),
  () => 1,
  [],
  [1],
  [1, 2, 3],
  [null],
  {},
  { length: 5 },
  new Date(0),
  new Map(),
  new Float32Array(3),
  new Float64Array(1),
  new Uint16Array(4),
  new Uint8Array(2),
  new BigInt64Array(1),
  new ArrayBuffer(8),
  Object.create(null),
  Object.freeze([1, 1]),
];

/** Changes bytes, and trees of values, by a seeded stream of numbers (mulberry32). */
export class Mutator {
  #state;
  #tokens;

  /**
   * @param {number} seed
   * @param {readonly string[]} tokens Words of the format.
   */
  constructor(seed, tokens) {
    this.#state = seed | 0;
    this.#tokens = tokens.map((token) => new TextEncoder().encode(token));
  }

  /** @param {number} below */
  integer(below) {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  /**
   * @template T
   * @param {readonly T[]} items
   * @returns {T}
   */
  pick(items) {
    return /** @type {T} */ (items[this.integer(items.length)]);
  }

  /**
   * @param {unknown} input
   * @param {unknown} other
   */
  mutate(input, other) {
    let result = input;
    for (let left = 1 + this.integer(MAX_CHANGES); left > 0; left--) {
      result =
        result instanceof Uint8Array && other instanceof Uint8Array
          ? this.#bytes(result, other)
          : this.#value(result, other);
    }
    return result;
  }

  /** @param {unknown} input */
  show(input) {
    const replace = (/** @type {string} */ _, /** @type {unknown} */ value) =>
      ArrayBuffer.isView(value)
        ? `${value.constructor.name} ${JSON.stringify([.../** @type {any} */ (value)].slice(0, 20).map(String))}`
        : ['bigint', 'symbol', 'undefined', 'function'].includes(typeof value) || Number.isNaN(value)
          ? String(value)
          : value;
    return JSON.stringify(input, replace, 1);
  }

  /**
   * @param {Uint8Array} bytes
   * @param {Uint8Array} other
   */
  #bytes(bytes, other) {
    const at = this.#place(bytes.length);
    const length = this.integer(Math.min(32, bytes.length - at + 1));
    /** @param {Uint8Array} between @param {number} replaced */
    const splice = (between, replaced) => {
      const whole = new Uint8Array(Math.min(MAX_BYTES, bytes.length + between.length - replaced));
      whole.set(bytes.subarray(0, at));
      whole.set(between.subarray(0, whole.length - at), at);
      const rest = bytes.subarray(at + replaced);
      if (at + between.length < whole.length) {
        whole.set(rest.subarray(0, whole.length - at - between.length), at + between.length);
      }
      return whole;
    };
    const copy = bytes.slice();
    switch (this.integer(8)) {
      case 0:
        if (copy.length)
          copy[at % copy.length] = /** @type {number} */ (copy[at % copy.length]) ^ (1 << this.integer(8));
        return copy;
      case 1:
        if (copy.length) copy[at % copy.length] = this.integer(256);
        return copy;
      case 2: {
        const size = this.pick([1, 2, 4, 8]);
        if (at + size > copy.length) return copy;
        const value = this.pick(NUMBERS);
        const view = new DataView(copy.buffer, copy.byteOffset + at, size);
        const isLittle = this.integer(2) === 0;
        if (size === 1) view.setUint8(0, value);
        else if (size === 2) view.setUint16(0, value, isLittle);
        else if (size === 4) view.setUint32(0, value, isLittle);
        else view.setBigInt64(0, BigInt(value), isLittle);
        return copy;
      }
      case 3:
        return splice(new Uint8Array(0), length);
      case 4:
        return splice(bytes.subarray(this.#place(bytes.length)).subarray(0, 32), this.integer(2) * length);
      case 5:
        return bytes.slice(0, at);
      case 6: {
        if (!this.#tokens.length) return copy;
        return splice(this.pick(this.#tokens), this.integer(2) * length);
      }
      default:
        return splice(other.subarray(this.#place(other.length)), bytes.length - at);
    }
  }

  /**
   * A place in so many bytes, mostly near their start or end, where formats keep what steers them.
   * @param {number} length
   */
  #place(length) {
    const near = Math.min(length, 1 + this.integer(128));
    const side = this.integer(4);
    return side === 0 ? this.integer(length + 1) : side === 1 ? length - near : this.integer(near + 1);
  }

  /**
   * @param {unknown} value
   * @param {unknown} other
   * @returns {unknown}
   */
  #value(value, other) {
    const isTree =
      Array.isArray(value) || (value !== null && Object.getPrototypeOf(Object(value)) === Object.prototype);
    if (!isTree || typeof value !== 'object' || value === null) return this.#leaf(value);
    const keys = Object.keys(value);
    const isDeeper = keys.length > 0 && this.integer(8) > 0;
    /** @type {any} */
    const copy = Array.isArray(value) ? [...value] : { ...value };
    if (isDeeper) {
      const key = this.pick(keys);
      copy[key] = this.#value(copy[key], other);
      return copy;
    }
    const key = this.pick([...keys, 'strange', 'length', '0']);
    switch (this.integer(4)) {
      case 0:
        if (Array.isArray(copy)) copy.length = this.integer(copy.length + 1);
        else delete copy[key];
        return copy;
      case 1:
        if (Array.isArray(copy)) copy.push(this.#leaf(copy[0]));
        else copy[key] = this.#leaf(copy[key]);
        return copy;
      case 2:
        return other !== null && typeof other === 'object' && keys.some((own) => own in other)
          ? { ...copy, [this.pick(keys)]: /** @type {any} */ (other)[this.pick(keys)] }
          : copy;
      default:
        return this.#leaf(value);
    }
  }

  /** @param {unknown} value */
  #leaf(value) {
    if (value instanceof Uint8Array && value.length && this.integer(4)) return this.#bytes(value, value);
    if (ArrayBuffer.isView(value) && this.integer(2)) {
      const array = /** @type {Float32Array} */ (value);
      const copy = array.slice(this.integer(2), array.length + 1 - this.integer(2));
      if (copy.length && typeof copy[0] === 'number') {
        copy[this.integer(copy.length)] = this.pick([Number.NaN, Number.POSITIVE_INFINITY, 1e38, -1e38, 0, 1e-45]);
      }
      return copy;
    }
    if (typeof value === 'number' && this.integer(2)) return value + this.pick([1, -1, 0.5, 64]);
    if (typeof value === 'string' && this.integer(2))
      return value.slice(0, this.integer(value.length + 1)) + this.pick(['', '\0', '-', ' ']);
    return this.pick(STRANGE);
  }
}
