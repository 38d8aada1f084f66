import { writeSafetensors } from '../../src/safetensors/index.js';
import { type LoadOptions, loadPretrained } from '../../src/swin/pretrained.js';
import { collected } from '../../src/swin/tensorSource.js';
import type { Tensor } from '../../src/tensor/tensor.js';

export const CONFIG = { model_type: 'swin' };
export const INDEX = 'model.safetensors.index.json';
export const TENSORS: Record<string, Tensor> = {
  a: { data: new Float32Array(50_000).fill(1.5), dims: [50_000], type: 'float32' },
  b: { data: Uint16Array.of(1, 2, 3), dims: [3], type: 'float16' },
};
export const WEIGHTS = writeSafetensors(TENSORS);
export const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
export const whole = { 'config.json': json(CONFIG), 'model.safetensors': WEIGHTS };
export const sharded = {
  'config.json': json(CONFIG),
  'one.safetensors': writeSafetensors({ a: TENSORS.a as Tensor }),
  'two.safetensors': writeSafetensors({ b: TENSORS.b as Tensor }),
  [INDEX]: json({ weight_map: { a: 'one.safetensors', b: 'two.safetensors' } }),
};

/** A fetch of these files, which remembers what it was asked for; others get `missing`. */
export function fetchOf(files: Record<string, Uint8Array>, missing = () => new Response('', { status: 404 })) {
  const urls: string[] = [];
  const fetch = async (input: unknown) => {
    const url = new URL(String(input));
    urls.push(url.href);
    const file = files[url.pathname.split('/').at(-1) as string];
    return file ? new Response(new Uint8Array(file)) : missing();
  };
  return { urls, fetch: fetch as typeof globalThis.fetch };
}

/** What `loadPretrained` loads, all tensors read. */
export async function load(source: string | URL, { fetch, cache, signal, onProgress }: LoadOptions) {
  const { weights, ...others } = await loadPretrained(source, { fetch, cache, signal, onProgress });
  return { ...others, tensors: { ...(await collected(weights)) } };
}
