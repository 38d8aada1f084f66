import { fileURLToPath } from 'node:url';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Problem } from '../problem.js';
import type { Side } from '../side.js';

let isReady = false;

async function prepare(): Promise<void> {
  if (isReady) return;
  const directory = new URL('../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url);
  setWasmPaths(fileURLToPath(directory));
  setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
  isReady = true;
}

/** TensorFlow.js on its WebAssembly backend. */
export async function tfjsSide({ shape, q, k, v, bias, mask }: Problem): Promise<Side> {
  await prepare();
  const { B, H, L, D, nW } = shape;
  const dims: [number, number, number, number] = [B, H, L, D];
  return {
    name: 'tfjs-wasm',
    run: () =>
      tf.tidy(() => {
        const scores = tf.matMul(tf.mul(tf.tensor4d(q.data, dims), D ** -0.5), tf.tensor4d(k.data, dims), false, true);
        let biased: Tensor = tf.add(scores, tf.tensor4d(bias.data, [1, H, L, L]));
        if (mask) {
          const grouped = tf.reshape(biased, [B / nW, nW, H, L, L]);
          biased = tf.reshape(tf.add(grouped, tf.tensor5d(mask.data, [1, nW, 1, L, L])), [B, H, L, L]);
        }
        return tf.matMul(tf.softmax(biased), tf.tensor4d(v.data, dims)).dataSync() as Float32Array;
      }),
    dispose() {},
  };
}
