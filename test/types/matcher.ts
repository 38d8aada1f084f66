// The matcher on vitest's `expect`; compiled by `npm run test:types`, and never run.
import { createWindowAttention } from 'flash-window-attention';
import { makeVectors, toMatchWindowAttention } from 'flash-window-attention/oracle';
import { expect } from 'vitest';

expect.extend({ toMatchWindowAttention });

export async function expectations(): Promise<void> {
  const vectors = makeVectors({ shape: [4, 2, 49, 32], bias: true });
  const { o, lse } = await (await createWindowAttention()).forward(vectors, { lse: true });
  expect(o).toMatchWindowAttention(vectors);
  expect({ o, lse }).toMatchWindowAttention(vectors, { dtype: 'float16' });
  // @ts-expect-error: it takes the inputs.
  expect(o).toMatchWindowAttention();
}
