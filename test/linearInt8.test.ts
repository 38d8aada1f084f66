import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeRecord } from '../src/kernel/job.js';
import type { KernelMemory } from '../src/kernel/memory.js';
import { RECORD_BYTES } from '../src/kernel/schema.js';
import { linear } from '../src/reference/linear.js';
import { linearInt8, type QuantizedRows, quantizeWeight } from '../src/reference/linearInt8.js';
import { float32Tensor, type Tensor } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { compileKernel } from './support/compileKernel.js';
import { maxError } from './support/errors.js';

interface Exports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  exactGeluRows(x: number, stride: number, rows: number, count: number): void;
  packLinearInt8(weights: number, rows: number, inputs: number, to: number): void;
  linearInt8Scratch(rows: number, inputs: number): number;
  linearInt8(record: number, scratch: number): void;
}

interface Call {
  readonly x: Tensor<Float32Array>;
  readonly weight: QuantizedRows<Int8Array>;
  readonly bias?: Tensor<Float32Array> | undefined;
  readonly residual?: Tensor<Float32Array> | undefined;
  readonly isInPlace?: boolean;
  readonly isGelu?: boolean;
  /** Where the panels are parted between two calls, as threads part them. */
  readonly split?: number;
}

/** What the kernel may read or write past an array. */
const SLACK = 64;
const CANARY = 7;

let kernel: Exports;
beforeAll(async () => {
  kernel = await compileKernel<Exports>('test/assembly/linearInt8.ts');
});

/** Runs the kernel on fresh memory filled with NaN, which shows what it reads and should not. */
function run({ x, weight, bias, residual, isInPlace = false, isGelu = false, split = 0 }: Call): Float32Array {
  const [rows, inputs] = x.dims as [number, number];
  const outputs = weight.dims[0];
  const panels = Math.ceil(outputs / 8);
  let top = kernel.heapBase();
  const place = (bytes: number): number => {
    const at = Math.ceil(top / 16) * 16;
    top = at + bytes + SLACK;
    const missing = Math.ceil((top - kernel.memory.buffer.byteLength) / 65536);
    if (missing > 0) kernel.memory.grow(missing);
    new Uint8Array(kernel.memory.buffer, at, bytes + SLACK).fill(0xff);
    return at;
  };
  const floats = (at: number, length: number) => new Float32Array(kernel.memory.buffer, at, length);
  const placed = (values: Float32Array) => {
    const at = place(4 * values.length);
    floats(at, values.length).set(values);
    return at;
  };
  const padded = (values: Float32Array) => {
    const whole = new Float32Array(8 * panels);
    whole.set(values);
    return placed(whole);
  };
  const rowMajor = place(weight.data.length);
  new Int8Array(kernel.memory.buffer).set(weight.data, rowMajor);
  const panelBytes = 16 * Math.ceil(inputs / 2);
  const weights = place(panels * panelBytes);
  for (let p = 0; p < panels; p++) {
    kernel.packLinearInt8(rowMajor + 8 * p * inputs, Math.min(8, outputs - 8 * p), inputs, weights + p * panelBytes);
  }
  const at = placed(x.data);
  const scales = padded(weight.scales);
  const biases = bias ? padded(bias.data) : 0;
  const o = place(4 * rows * outputs);
  let added = 0;
  if (residual && isInPlace) {
    floats(o, rows * outputs).set(residual.data);
    added = o;
  } else if (residual) added = placed(residual.data);
  const scratch = place(kernel.linearInt8Scratch(rows, inputs));
  const behind = place(4);
  const record = place(RECORD_BYTES);
  const memory = {
    float32: new Float32Array(kernel.memory.buffer),
    int32: new Int32Array(kernel.memory.buffer),
  } as KernelMemory;
  floats(behind, 1).fill(CANARY);
  floats(o + 4 * rows * outputs, 1).fill(CANARY);
  for (const [first, count] of [
    [0, split],
    [split, panels - split],
  ] as const) {
    writeRecord(memory, record, 'linearInt8', {
      rows,
      inputs,
      outputs,
      firstPanel: first,
      panels: count,
      x: at,
      normWeight: 0,
      normBias: 0,
      eps: 0,
      bias: biases,
      isGelu: Number(isGelu),
      residual: added,
      o,
      weights,
      scales,
    });
    kernel.linearInt8(record, scratch);
  }
  expect(floats(o + 4 * rows * outputs, 1)[0]).toBe(CANARY);
  expect(floats(behind, 1)[0]).toBe(CANARY);
  return floats(o, rows * outputs).slice();
}

function geluOf(values: Float32Array): Float32Array {
  const at = kernel.heapBase();
  new Float32Array(kernel.memory.buffer, at, values.length).set(values);
  kernel.exactGeluRows(at, 4 * values.length, 1, values.length);
  return new Float32Array(kernel.memory.buffer, at, values.length).slice();
}

/** The bits, with one NaN for all. */
const bits = (values: Float32Array) =>
  new Uint32Array(values.map((value) => (Number.isNaN(value) ? NaN : value)).buffer);

const shape = fc.record({
  rows: fc.integer({ min: 1, max: 13 }),
  inputs: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(96, 511, 512, 513, 1024, 1030)),
  outputs: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(96, 100)),
  seed: fc.integer(),
});

describe('linearInt8', () => {
  it('gives the bits of the reference at random sizes, magnitudes and parts, fused with bias, residual and gelu', () => {
    const options = fc.record({
      hasBias: fc.boolean(),
      residual: fc.constantFrom('none', 'apart', 'in place'),
      isGelu: fc.boolean(),
      magnitude: fc.constantFrom(1e-42, 1e-30, 1e-3, 1, 30, 1e6, 1e30, 3e38),
      part: fc.nat(),
    });
    fc.assert(
      fc.property(shape, options, ({ rows, inputs, outputs, seed }, { hasBias, residual, isGelu, magnitude, part }) => {
        const next = randomNumbers(seed);
        const x = randomTensor([rows, inputs], next, magnitude);
        // Each output has a range of its own, zero and subnormal ones among them.
        const weight = randomTensor([outputs, inputs], next);
        for (let o = 0; o < outputs; o++) {
          const range = [1, 0.05, 0, 1e-40][Math.floor(2 * (next() + 1))] as number;
          for (let i = o * inputs; i < (o + 1) * inputs; i++) weight.data[i] = (weight.data[i] as number) * range;
        }
        const quantized = quantizeWeight(weight);
        const bias = hasBias ? randomTensor([outputs], next, magnitude) : undefined;
        const added = residual === 'none' ? undefined : randomTensor([rows, outputs], next, magnitude);
        const expected = linearInt8(x, quantized, bias, added).data;
        const y = run({
          x,
          weight: quantized,
          bias,
          residual: added,
          isInPlace: residual === 'in place',
          isGelu,
          split: part % Math.ceil(outputs / 8),
        });
        expect(bits(y)).toEqual(bits(isGelu ? geluOf(expected) : expected));
      }),
    );
  });

  it('rounds ties of x / scale to even, and reaches both ends of int16 activations and int8 weights', () => {
    // max |x| / 16383 is 1 here, and so is max |w| / 127.
    const x = float32Tensor([1, 8], Float32Array.of(0.5, 1.5, 2.5, -0.5, -1.5, 16383, -16383, -2.5));
    const rows = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [0, 1, 2, 3, 4, 5, 6, 7].map((j) => (i === j ? 127 : 0)));
    const weight = quantizeWeight(float32Tensor([8, 8], Float32Array.from(rows.flat())));
    expect([...weight.data.filter((w) => w !== 0)]).toEqual(new Array(8).fill(127));
    const y = run({ x, weight });
    expect([...y].map((value) => value / 127 + 0)).toEqual([0, 2, 2, 0, -2, 16383, -16383, -2]);
    expect(bits(y)).toEqual(bits(linearInt8(x, weight).data));
  });

  it('sums 512 inputs of the largest products without overflow', () => {
    const inputs = 1024;
    const x = float32Tensor([5, inputs], new Float32Array(5 * inputs).fill(-16383));
    const weight = quantizeWeight(float32Tensor([9, inputs], new Float32Array(9 * inputs).fill(127)));
    const y = run({ x, weight });
    expect([...y]).toEqual(new Array(45).fill(-2 * Math.fround(512 * 127 * 16383)));
    // The smallest int8, which files may hold.
    const smallest = { ...weight, data: weight.data.map(() => -128) };
    expect(bits(run({ x, weight: smallest }))).toEqual(bits(linearInt8(x, smallest).data));
  });

  it('answers NaN for the rows that hold NaN or infinity, and for no others; zeros for rows of zeros', () => {
    fc.assert(
      fc.property(
        shape,
        fc.constantFrom(NaN, Infinity, -Infinity),
        fc.nat(),
        ({ rows, inputs, outputs, seed }, bad, where) => {
          const next = randomNumbers(seed);
          const x = randomTensor([rows, inputs], next);
          const weight = quantizeWeight(randomTensor([outputs, inputs], next));
          const row = where % rows;
          x.data[row * inputs + (where % inputs)] = bad;
          if (rows > 1) x.data.fill(0, ((row + 1) % rows) * inputs, (((row + 1) % rows) + 1) * inputs);
          const y = run({ x, weight });
          const expected = linearInt8(x, weight).data;
          y.forEach((value, i) => {
            const r = Math.floor(i / outputs);
            if (r === row) expect([value, expected[i]]).toEqual([NaN, NaN]);
            else if (r === (row + 1) % rows) expect(value).toBe(0);
            else expect(value).toBe(expected[i]);
          });
        },
      ),
      { numRuns: 100 },
    );
  });

  it('lies within the bound of its rounding from the exact product', () => {
    fc.assert(
      fc.property(shape, ({ rows, inputs, outputs, seed }) => {
        const next = randomNumbers(seed);
        const x = randomTensor([rows, inputs], next);
        const weight = randomTensor([outputs, inputs], next);
        // Half a step of each factor, times the largest other factor, for every input.
        const bound = inputs * (0.5 / 127 + 0.5 / 16383 + 1e-5);
        expect(maxError(linearInt8(x, quantizeWeight(weight)), linear(x, weight))).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 100 },
    );
  });
});

describe('quantizeWeight', () => {
  it('refuses weights that are not finite and what is no matrix', () => {
    const weight = float32Tensor([2, 2], Float32Array.of(1, 2, NaN, 3));
    expect(() => quantizeWeight(weight)).toThrow(
      new RangeError('"weight" expected finite numbers, got others in row 1'),
    );
    weight.data[2] = -Infinity;
    expect(() => quantizeWeight(weight)).toThrow(RangeError);
    expect(() => quantizeWeight(float32Tensor([4]))).toThrow(RangeError);
  });

  it('keeps every weight within half a step', () => {
    fc.assert(
      fc.property(shape, fc.constantFrom(1e-20, 1, 1e20), ({ inputs, outputs, seed }, magnitude) => {
        const weight = randomTensor([outputs, inputs], randomNumbers(seed), magnitude);
        const { data, scales } = quantizeWeight(weight);
        const steps = weight.data.map((w, i) => {
          const scale = scales[Math.floor(i / inputs)] as number;
          return Math.abs((data[i] as number) * scale - w) / scale;
        });
        expect(steps.reduce((max, step) => Math.max(max, step), 0)).toBeLessThanOrEqual(0.50002);
      }),
      { numRuns: 50 },
    );
  });
});
