// What the samples of the pages take for granted. A sample that uses one of these names without defining it gets it.
import { readFile } from 'node:fs/promises';
import { createWindowAttention, type Tensor } from 'flash-window-attention';
import { makeVectors } from 'flash-window-attention/oracle';

const inputs = makeVectors({ shape: [4, 3, 49, 32], bias: true, nW: 2, backward: true });
export const { bias, mask, dO } = inputs;
/** Tensors of which a sample knows that they are float32. */
const float32 = ({ data, dims }: Tensor) => ({ data: data as Float32Array, dims });
export const q = float32(inputs.q);
export const k = float32(inputs.k);
export const v = float32(inputs.v);
export const attention = await createWindowAttention();
export const { o } = await attention.forward({ q, k, v, bias, mask });
export const qkv = makeVectors({ shape: [1, 14, 14, 3 * 96] }).q;
export const relativePositionBias = bias;
/** An image of the embedded model's size. */
export const pixelValues = makeVectors({ shape: [1, 3, 32, 32] }).q;
export const bytes = await readFile('photo.jpg');
export const url = new URL('path/to/huggingface-swin/', `file://${process.cwd()}/`);
export const request = new Request('http://localhost/');
