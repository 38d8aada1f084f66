// Golden cases on every backend that the host has. The same file runs in every runtime, from the packed package.
import { createWindowAttention } from 'flash-window-attention';
import { readSafetensors } from 'flash-window-attention/safetensors';
import { digest } from './digest.mjs';

/** Error allowed beside the golden values, relative to the largest of them. */
const TOLERANCE = { o: 1e-6, dQ: 1e-5, dK: 1e-5, dV: 1e-5, dBias: 1e-5, dLogitScale: 1e-4 };
const ENGINES = [
  { backend: 'auto' },
  { backend: 'wasm' },
  { backend: 'wasm', threads: 2 },
  { backend: 'wasm', relaxed: true },
  { backend: 'typescript' },
];

/**
 * @param {Uint8Array[]} files golden files
 * @returns one item an engine: what it says that runs, its number of cases, the worst error over what is allowed, and a
 *   digest of all the bits that it gave
 */
export async function suite(files) {
  const cases = files.flatMap(casesOf);
  const results = [];
  for (const options of ENGINES) {
    let attention;
    try {
      attention = await createWindowAttention(options);
    } catch (error) {
      results.push({ options, refused: String(error) });
      continue;
    }
    const bits = [];
    let worst = 0;
    for (const { args, dO, expected, isStress } of cases) {
      const actual = await attention.forward(args, { lse: true });
      const gradients = dO ? await attention.backward({ ...args, dO }) : {};
      const outputs = { ...actual, ...gradients };
      bits.push(...Object.values(outputs).map(({ data }) => data));
      if (isStress) continue;
      for (const [name, tolerance] of Object.entries(TOLERANCE)) {
        if (!expected[name]) continue;
        worst = Math.max(worst, relativeError(outputs[name].data, expected[name].data) / tolerance);
      }
    }
    const { backend, threads, simd } = attention;
    results.push({ options, backend, threads, simd, cases: cases.length, worst, digest: await digest(bits) });
    await attention.dispose();
  }
  return results;
}

function casesOf(bytes) {
  const { tensors, metadata } = readSafetensors(bytes);
  return JSON.parse(metadata.cases).flatMap(({ name, scale }) => {
    const own = (key) => tensors[`${name}.${key}`];
    if (!own('q') || !own('o')) return [];
    const args = { q: own('q'), k: own('k'), v: own('v'), bias: own('bias'), mask: own('mask') };
    const factor = own('logitScale') ? { logitScale: own('logitScale') } : { scale };
    const expected = Object.fromEntries(Object.keys(TOLERANCE).map((key) => [key, own(key)]));
    return [{ args: { ...args, ...factor }, dO: own('dO'), expected, isStress: name.startsWith('stress_') }];
  });
}

function relativeError(actual, expected) {
  let error = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs(actual[i] - expected[i]);
    error = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(error, distance);
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return error / (largest || 1);
}
