import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { readSafetensors } from '../../src/safetensors/index.js';
import type { Tensor } from '../../src/tensor/tensor.js';

/** One case of a golden file: its parameters and its tensors without the case's prefix. */
export interface GoldenCase {
  readonly name: string;
  readonly params: Record<string, unknown>;
  readonly tensors: Record<string, Tensor>;
}

/** Tensors and metadata of test/golden/`file`.safetensors, or of the same file compressed by gzip. */
export function goldenFile(file: string) {
  const url = new URL(`../golden/${file}.safetensors`, import.meta.url);
  return readSafetensors(existsSync(url) ? readFileSync(url) : gunzipSync(readFileSync(new URL(`${url}.gz`))));
}

/** Cases of test/golden/`file`.safetensors; test/golden/README.md says whose code gave the expected values. */
export function goldenCases(file: string): GoldenCase[] {
  const { tensors, metadata } = goldenFile(file);
  const cases = JSON.parse(metadata.cases as string) as { name: string }[];
  return cases.map(({ name, ...params }) => {
    const prefix = `${name}.`;
    const own = Object.entries(tensors).filter(([key]) => key.startsWith(prefix));
    return { name, params, tensors: Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])) };
  });
}

/** A tensor that the case must have. */
export function tensorOf(golden: GoldenCase, name: string): Tensor {
  const tensor = golden.tensors[name];
  if (!tensor) throw new Error(`golden case ${golden.name} has no tensor ${name}`);
  return tensor;
}

/** Arguments of `forward` that the case holds. */
export function attentionArgsOf(golden: GoldenCase) {
  const { bias, mask, logitScale } = golden.tensors;
  return {
    q: tensorOf(golden, 'q'),
    k: tensorOf(golden, 'k'),
    v: tensorOf(golden, 'v'),
    ...(bias && { bias }),
    ...(mask && { mask }),
    ...(logitScale ? { logitScale } : { scale: golden.params.scale as number }),
  };
}
