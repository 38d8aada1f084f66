import { results } from './results.mjs';

const GOLDEN = ['/golden/core.safetensors', '/golden/cosine.safetensors'];

/** Fetches the golden files; `parameters` hold the number of cycles. */
export async function resultsOfBrowser(parameters) {
  const files = GOLDEN.map(async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer()));
  return results(await Promise.all(files), Number(parameters.get('cycles')));
}
