import { makeVectors, toMatchWindowAttention } from 'flash-window-attention/oracle';
import { expect, test } from 'vitest';
import { attention } from './kernel.mjs';

expect.extend({ toMatchWindowAttention });
const inputs = makeVectors({ shape: [4, 2, 16, 8] });

test('the kernel matches window attention', () => {
  expect({ o: attention(inputs) }).toMatchWindowAttention(inputs, { dtype: 'float32' });
});

test('a kernel that swaps keys and values does not, and the failure says so', () => {
  const swapped = attention({ q: inputs.q, k: inputs.v, v: inputs.k });
  expect(() => expect({ o: swapped }).toMatchWindowAttention(inputs)).toThrow(/swapped/);
});
