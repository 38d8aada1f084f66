import { describe, expect, it } from 'vitest';
import { closest } from '../src/tensor/spelling.js';

const KNOWN = ['q', 'k', 'v', 'bias', 'mask', 'logitScale', 'windowSize', 'shiftSize', 'dQ', 'dBias'];

describe('closest', () => {
  it.each([
    ['maks', 'mask'],
    ['Mask', 'mask'],
    ['mas', 'mask'],
    ['masks', 'mask'],
    ['logit_scale', 'logitScale'],
    ['logitscael', 'logitScale'],
    ['windowszie', 'windowSize'],
    ['shiftsizes', 'shiftSize'],
    ['dq', 'dQ'],
    ['dQ', 'dQ'],
  ])('finds that %s is %s', (name, meant) => {
    expect(closest(name, KNOWN)).toBe(meant);
  });

  it.each(['', 'z', 'dk', 'labels', 'window', 'mesh', 'dropout'])('finds nothing like %j', (name) => {
    expect(closest(name, KNOWN)).toBeUndefined();
  });

  it('takes the closest of several', () => {
    expect(closest('biases', ['abases', 'bases'])).toBe('bases');
    expect(closest('dbias', ['bias', 'dBias'])).toBe('dBias');
  });
});
