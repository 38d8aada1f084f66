import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWindowAttention, type WindowAttention, type WindowAttentionOptions } from '../src/index.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { BACKENDS, createEngine } from './support/engines.js';
import { maxError } from './support/errors.js';
import { float64ToHalf } from './support/half.js';

const next = randomNumbers(11);
const args = () => ({
  q: randomTensor([2, 2, 5, 3], next),
  k: randomTensor([2, 2, 5, 3], next),
  v: randomTensor([2, 2, 5, 3], next),
});

describe('createWindowAttention', () => {
  it('takes the kernel as a module, as bytes or by URL', async () => {
    const url = new URL('../build/wasm/simd.wasm', import.meta.url);
    const bytes = await readFile(url);
    const inputs = args();
    const expected = await (await createWindowAttention()).forward(inputs);
    const module = await WebAssembly.compile(bytes);
    const response = new Response(bytes, { headers: { 'content-type': 'application/wasm' } });
    for (const wasm of [module, bytes, url, url.href, Promise.resolve(response)]) {
      const attention = await createWindowAttention({ wasm });
      expect((await attention.forward(inputs)).o.data).toEqual(expected.o.data);
    }
  });

  it.each([
    [{ backend: 'gpu' }, TypeError, /"backend" expected one of "auto", "wasm", "typescript", got "gpu"/],
    [{ relaxed: 1 }, TypeError, /"relaxed" expected a boolean, got 1/],
    [{ threads: -1 }, RangeError, /"threads" expected an integer from 0 to 256, got -1/],
    [{ threads: 1000 }, RangeError, /"threads" expected an integer from 0 to 256, got 1000/],
    [{ threads: '2' }, TypeError, /"threads" expected an integer, got "2"/],
    [{ wasm: 5 }, TypeError, /"wasm" expected a WebAssembly.Module, bytes, URL or Response, got 5/],
    [{ wasm: '/nope.wasm' }, TypeError, /"wasm" expected a whole URL, such as .*, got "\/nope\.wasm"/],
    [{ wasm: 'file:///nope.wasm' }, TypeError, /"wasm" expected a URL that can be read, got file:.*nope\.wasm: ENOENT/],
    [{ wasm: 'data:none' }, TypeError, /"wasm" expected a URL that can be read, got data:none: /],
    [{ wasn: 5 }, TypeError, /"options" expected keys of .*, got "wasn": did you mean wasm\?/],
    [{ wasm: new Uint8Array(8) }, TypeError, /"wasm" expected WebAssembly bytes that compile/],
    [
      { wasm: new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)) },
      TypeError,
      /got a module that exports nothing/,
    ],
    [null, TypeError, /"options" expected an object, got null/],
  ])('refuses %j', async (options, type, text) => {
    const call = createWindowAttention(options as unknown as WindowAttentionOptions);
    await expect(call).rejects.toThrow(type);
    await expect(call).rejects.toThrow(text);
  });
});

describe.each(BACKENDS)('an engine on $title', (options) => {
  let attention: WindowAttention;
  beforeAll(async () => {
    attention = await createEngine(options);
  });
  afterAll(() => attention.dispose());

  it('says what runs', () => {
    expect(attention.backend).toBe(options.backend);
    expect(attention.simd).toBe(options.backend === 'wasm' ? 'simd' : 'none');
    expect(attention.threads).toBe(options.threads ?? 1);
  });

  const tensor = randomTensor([2, 2, 5, 3], next);
  it.each([
    [
      'q of three axes',
      { q: randomTensor([2, 5, 3], next) },
      RangeError,
      /"q" expected dims \[B, H, L, D\], got \[2, 5, 3\]/,
    ],
    ['D = 0', { q: randomTensor([2, 2, 5, 0], next) }, RangeError, /"q" expected .* ≥ 1, got \[2, 2, 5, 0\]/],
    [
      'k of another L',
      { k: randomTensor([2, 2, 4, 3], next) },
      RangeError,
      /"k" expected dims .* = \[2, 2, 5, 3\], got \[2, 2, 4, 3\]/,
    ],
    ['v of another D', { v: randomTensor([2, 2, 5, 4], next) }, RangeError, /"v" expected dims/],
    [
      'int32 elements',
      { q: { data: new Int32Array(60), dims: [2, 2, 5, 3] } },
      TypeError,
      /"q.data" expected .* got Int32Array/,
    ],
    [
      'bits without a type',
      { q: { data: new Uint16Array(60), dims: [2, 2, 5, 3] } },
      TypeError,
      /"q.data" expected type "float16"/,
    ],
    ['a type of another array', { q: { ...tensor, type: 'float64' } }, TypeError, /"q.type" expected "float32"/],
    [
      'too few elements',
      { q: { data: new Float32Array(59), dims: [2, 2, 5, 3] } },
      RangeError,
      /"q.data" expected 60 elements .* got 59/,
    ],
    [
      'dims that are no integers',
      { q: { data: new Float32Array(60), dims: [2, 2, 5, 1.5] } },
      RangeError,
      /"q.dims" expected integers/,
    ],
    ['no tensor', { v: null }, TypeError, /"v" expected a tensor/],
    [
      'bias of another H',
      { bias: randomTensor([1, 5, 5], next) },
      RangeError,
      /"bias" expected dims \[H, L, L\] = \[2, 5, 5\]/,
    ],
    [
      'nW that does not divide B',
      { mask: randomTensor([3, 5, 5], next) },
      RangeError,
      /"mask" expected nW that divides B = 2, got nW = 3/,
    ],
    ['a mask of no windows', { mask: randomTensor([0, 5, 5], next) }, RangeError, /"mask" expected .* nW ≥ 1/],
    [
      'both scales',
      { scale: 1, logitScale: randomTensor([2], next) },
      TypeError,
      /"scale" expected to be absent beside "logitScale"/,
    ],
    ['a scale of NaN', { scale: Number.NaN }, RangeError, /"scale" expected a finite number, got NaN/],
    ['a scale of text', { scale: '1' }, TypeError, /"scale" expected a number, got "1"/],
    [
      'logitScale of another H',
      { logitScale: randomTensor([3], next) },
      RangeError,
      /"logitScale" expected dims \[H\] = \[2\]/,
    ],
    ['out of other dims', { out: randomTensor([2, 2, 5, 4], next) }, RangeError, /"out" expected dims/],
    [
      'out over an input',
      { q: tensor, out: tensor },
      RangeError,
      /"out" expected memory of its own, got memory of "q"/,
    ],
  ])('refuses %s', async (_, change, type, text) => {
    const call = attention.forward({ ...args(), ...(change as object) });
    await expect(call).rejects.toThrow(type);
    await expect(call).rejects.toThrow(text);
  });

  it('refuses dO of other dims', async () => {
    await expect(attention.backward({ ...args(), dO: randomTensor([1, 2, 5, 3], next) })).rejects.toThrow(
      /"dO" expected dims/,
    );
  });

  it('takes B = 0', async () => {
    const empty = () => randomTensor([0, 2, 5, 3], next);
    const { o, lse } = await attention.forward({ q: empty(), k: empty(), v: empty() }, { lse: true });
    expect([o.dims, o.data.length, lse?.dims]).toEqual([[0, 2, 5, 3], 0, [0, 2, 5]]);
  });

  it('mutates no argument', async () => {
    const inputs = args();
    const copies = Object.values(inputs).map(({ data }) => data.slice());
    await attention.forward(inputs);
    expect(Object.values(inputs).map(({ data }) => data)).toEqual(copies);
  });

  it('reads float64, float16 and bfloat16, and rounds to the type of out', async () => {
    const inputs = args();
    const { o } = await attention.forward(inputs);
    const wide = Object.fromEntries(
      Object.entries(inputs).map(([k, t]) => [k, { data: Float64Array.from(t.data), dims: t.dims }]),
    );
    expect((await attention.forward(wide as unknown as typeof inputs)).o.data).toEqual(o.data);
    for (const [type, error] of [
      ['float16', 2e-3],
      ['bfloat16', 2e-2],
    ] as const) {
      const half = Object.fromEntries(Object.entries(inputs).map(([k, t]) => [k, float64ToHalf(t, type)]));
      const out = { data: new Uint16Array(60), dims: [2, 2, 5, 3], type };
      const result = await attention.forward({ ...(half as unknown as typeof inputs), out });
      expect(result.o).toBe(out);
      expect(maxError(out, o)).toBeGreaterThan(0);
      expect(maxError(out, o)).toBeLessThan(error);
    }
  });

  it('works on its own tensors, before and after its memory grew', async () => {
    const inputs = args();
    const place = ({ dims, data }: { dims: readonly number[]; data: Float32Array }) => {
      const own = attention.tensor(dims);
      own.data.set(data);
      return own;
    };
    const own = { q: place(inputs.q), k: place(inputs.k), v: place(inputs.v), out: attention.tensor(inputs.q.dims) };
    const expected = await attention.forward(inputs);
    expect((await attention.forward(own)).o).toBe(own.out);
    expect([...own.out.data]).toEqual([...(expected.o.data as Float32Array)]);
    attention.tensor([1 << 20]);
    own.out.data.fill(0);
    await attention.forward({ ...own, k: inputs.k });
    expect([...own.out.data]).toEqual([...(expected.o.data as Float32Array)]);
  });

  it('works on its own tensors when the call itself grows its memory', async () => {
    const dims = [2, 2, 9, 40];
    const inputs = { q: randomTensor(dims, next), k: randomTensor(dims, next), v: randomTensor(dims, next) };
    const scores = { bias: randomTensor([2, 9, 9], next), mask: randomTensor([2, 9, 9], next) };
    const expected = await attention.forward({ ...inputs, ...scores });
    // Somewhere in these steps of the padding, the end of a page falls into what the call needs beside its tensors.
    for (let padding = 0; padding < 16384; padding += 1024) {
      const own = await createEngine(options);
      own.tensor([padding]);
      const placed = Object.entries({ ...inputs, ...scores }).map(([name, { dims: size, data }]) => {
        const tensor = own.tensor(size);
        tensor.data.set(data);
        return [name, tensor];
      });
      const out = own.tensor(dims);
      await own.forward({ ...(Object.fromEntries(placed) as typeof inputs), out });
      expect([...out.data]).toEqual([...(expected.o.data as Float32Array)]);
      await own.dispose();
    }
  });

  it('splits large batches into blocks without a seam', async () => {
    const big = () => randomTensor([70, 3, 16, 8], next);
    const inputs = {
      q: big(),
      k: big(),
      v: big(),
      bias: randomTensor([3, 16, 16], next),
      mask: randomTensor([7, 16, 16], next),
    };
    const whole = await attention.forward(inputs, { lse: true });
    const size = 3 * 16 * 8;
    const part = (t: { data: Float32Array }) => ({ data: t.data.subarray(63 * size, 70 * size), dims: [7, 3, 16, 8] });
    const last = await attention.forward(
      { ...inputs, q: part(inputs.q), k: part(inputs.k), v: part(inputs.v) },
      { lse: true },
    );
    expect([...(whole.o.data as Float32Array).subarray(63 * size)]).toEqual([...(last.o.data as Float32Array)]);
    expect([...(whole.lse as { data: Float32Array }).data.subarray(63 * 48)]).toEqual([...(last.lse?.data ?? [])]);
  });

  it('rejects calls after dispose', async () => {
    const other = await createEngine(options);
    await other.dispose();
    await other.dispose();
    await expect(other.forward(args())).rejects.toThrow(/disposed/);
    await expect(other.backward({ ...args(), dO: tensor })).rejects.toThrow(/disposed/);
    expect(() => other.tensor([1])).toThrow(/disposed/);
  });
});

describe('kernel memory', () => {
  it('refuses more than wasm32 has, with the bytes needed', async () => {
    const attention = await createWindowAttention({ backend: 'wasm' });
    expect(() => attention.tensor([2 ** 31])).toThrow(RangeError);
    expect(() => attention.tensor([2 ** 31])).toThrow(/85899\d+ bytes/);
    expect(() => attention.tensor([-1])).toThrow(/"dims\[0\]" expected an integer ≥ 0, got -1/);
    // A refusal takes nothing.
    expect(attention.tensor([4]).data.length).toBe(4);
  });
});
