import { createWindowAttention, type WindowAttention } from 'flash-window-attention';
import { type LoadProgress, SwinForImageClassification } from 'flash-window-attention/swin';
import type { OnProgress, Settings, Simd, Support, Weights } from '../protocol.js';

const CANDIDATES: readonly Simd[] = ['typescript', 'simd', 'relaxed-simd'];

/** The embedded model's files, fetched once for all models that are made of them. */
export class ModelFiles {
  readonly #files = new Map<string, Promise<ArrayBuffer>>();

  constructor(private readonly base: string) {}

  load(attention: WindowAttention, weights: Weights, onProgress?: OnProgress): Promise<SwinForImageClassification> {
    return SwinForImageClassification.fromPretrained(this.base, {
      attention,
      fetch: this.#fetch,
      ...(onProgress && {
        onProgress: ({ loaded, total }: LoadProgress) =>
          onProgress({ text: 'Loading the model', done: loaded, of: total }),
      }),
      dtype: weights,
    });
  }

  /** Kinds of weights that the file and the library offer. */
  async weights(): Promise<Weights[]> {
    const config = JSON.parse(new TextDecoder().decode(await this.#bytes(`${this.base}config.json`)));
    return 'quantization_config' in config ? ['int8', 'float32'] : ['float32'];
  }

  readonly #fetch = async (input: string | URL | Request): Promise<Response> => {
    const bytes = await this.#bytes(input instanceof Request ? input.url : String(input));
    return new Response(bytes, { headers: { 'content-length': String(bytes.byteLength) } });
  };

  #bytes(url: string): Promise<ArrayBuffer> {
    let file = this.#files.get(url);
    if (!file) {
      file = download(url);
      this.#files.set(url, file);
      // A failure may be of the moment: the next call tries again.
      file.catch(() => this.#files.delete(url));
    }
    return file;
  }
}

async function download(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} could not be loaded: the server answered ${response.status}`);
  return response.arrayBuffer();
}

export async function engineFor({ simd, threads }: Pick<Settings, 'simd' | 'threads'>): Promise<WindowAttention> {
  if (simd === 'typescript') return createWindowAttention({ backend: 'typescript' });
  return createWindowAttention({ backend: 'wasm', relaxed: simd === 'relaxed-simd', threads });
}

/** What an engine turned out to be. */
export function settingsOf({ simd, threads }: WindowAttention, weights: Weights): Settings {
  return { simd: simd === 'none' ? 'typescript' : simd, threads, weights };
}

export async function supportOf(files: ModelFiles): Promise<Support> {
  const simd: Simd[] = [];
  for (const candidate of CANDIDATES) {
    try {
      const engine = await engineFor({ simd: candidate, threads: 1 });
      if (settingsOf(engine, 'float32').simd === candidate) simd.push(candidate);
      await engine.dispose();
    } catch {
      // A browser without it: the choice is not offered.
    }
  }
  const threads = globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 16) : 1;
  return { simd, threads, weights: await files.weights() };
}
