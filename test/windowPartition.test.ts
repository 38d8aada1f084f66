import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cyclicShift, windowPartition, windowReverse } from '../src/reference/index.js';
import { float32Tensor, product } from '../src/tensor/tensor.js';

const size = fc.integer({ min: 1, max: 5 });
const image = fc.record({ B: size, rows: size, columns: size, Wh: size, Ww: size, C: size });

/** An image whose elements are all different. */
function counting(...dims: number[]) {
  return float32Tensor(
    dims,
    Float32Array.from({ length: product(dims) }, (_, i) => i),
  );
}

describe('windowPartition and windowReverse', () => {
  it('cut windows row by row', () => {
    const windows = windowPartition(counting(1, 2, 4, 1), 2);
    expect(windows.dims).toEqual([2, 2, 2, 1]);
    expect([...windows.data]).toEqual([0, 1, 4, 5, 2, 3, 6, 7]);
  });

  it('are inverse to each other', () => {
    fc.assert(
      fc.property(image, ({ B, rows, columns, Wh, Ww, C }) => {
        const x = counting(B, rows * Wh, columns * Ww, C);
        const back = windowReverse(windowPartition(x, [Wh, Ww]), [Wh, Ww], rows * Wh, columns * Ww);
        expect(back.dims).toEqual(x.dims);
        expect([...back.data]).toEqual([...x.data]);
      }),
    );
  });

  it('refuse windows that do not tile the image', () => {
    expect(() => windowPartition(counting(1, 4, 6, 1), 4)).toThrow(/"windowSize" expected .*4 × 6.* got 4 × 4/);
    expect(() => windowReverse(counting(3, 2, 2, 1), 2, 4, 4)).toThrow(/"windows" expected a multiple of nW = 4/);
    expect(() => windowReverse(counting(4, 2, 2, 1), 4, 4, 4)).toThrow(/"windows" expected windows of 4 × 4/);
    expect(() => windowPartition(counting(4, 6, 1), 2)).toThrow(/"x" expected dims \[B, H, W, C\]/);
    expect(() => windowPartition(counting(1, 4, 4, 1), 0)).toThrow(/"windowSize" expected an integer ≥ 1, got 0/);
  });
});

describe('cyclicShift', () => {
  it('has the sign of torch.roll', () => {
    expect([...cyclicShift(counting(1, 1, 4, 1), [0, 1]).data]).toEqual([3, 0, 1, 2]);
    expect([...cyclicShift(counting(1, 4, 1, 1), [-1, 0]).data]).toEqual([1, 2, 3, 0]);
  });

  it('is undone by the opposite shift', () => {
    const shift = fc.integer({ min: -12, max: 12 });
    fc.assert(
      fc.property(image, shift, shift, ({ B, rows, columns, C }, dy, dx) => {
        const x = counting(B, rows, columns, C);
        expect([...cyclicShift(cyclicShift(x, [dy, dx]), [-dy, -dx]).data]).toEqual([...x.data]);
      }),
    );
  });
});
