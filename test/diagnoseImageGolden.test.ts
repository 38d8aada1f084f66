import { describe, expect, it } from 'vitest';
import { checkCase, diagnose } from '../src/oracle/index.js';
import { goldenCases, tensorOf } from './support/golden.js';

const cases = goldenCases('imageFaults').map((golden) => {
  const { numHeads, windowSize, shiftSize, faults } = golden.params as {
    numHeads: number;
    windowSize: [number, number];
    shiftSize: [number, number];
    faults: string[];
  };
  const [qkv, relativePositionBias] = [tensorOf(golden, 'qkv'), tensorOf(golden, 'relativePositionBias')];
  return { golden, faults, inputs: { qkv, relativePositionBias, numHeads, windowSize, shiftSize } };
});

describe('faults of images by PyTorch', () => {
  it.each(
    cases.flatMap(({ golden, inputs, faults }) =>
      faults.map((fault) => ({ fault, golden, inputs, title: `${golden.name} ${fault}` })),
    ),
  )('finds and explains $title', ({ fault, golden, inputs }) => {
    const o = tensorOf(golden, `o_${fault}`);
    expect(checkCase(inputs, { o }).pass).toBe(false);
    const [first] = diagnose(inputs, o);
    expect(first?.name).toBe(fault);
    expect(first?.residual).toBeLessThanOrEqual(0.02);
  });

  it.each(cases)('passes what is right in $golden.name', ({ golden, inputs }) => {
    const o = tensorOf(golden, 'o_right');
    expect(checkCase(inputs, { o }).pass).toBe(true);
    expect(diagnose(inputs, o)[0]?.name).toBe('correct');
    expect(diagnose(inputs, { o })).toEqual({});
  });
});
