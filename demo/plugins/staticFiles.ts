import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const MODEL = at('../../models/swin-cifar10/');
const ONNXRUNTIME = at('../node_modules/onnxruntime-web/dist/');
const SAMPLES = at('../public/');

/** Files that the page fetches by their own names: where they lie, by where the page finds them. */
function staticFiles(): Map<string, string> {
  const onnxruntime = ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'];
  return new Map([
    ...readdirSync(MODEL).map((name) => [`model/${name}`, `${MODEL}${name}`] as const),
    ...onnxruntime.map((name) => [`ort/${name}`, `${ONNXRUNTIME}${name}`] as const),
  ]);
}

/** Serves and emits the model and onnxruntime-web, and writes the service worker with the list of what works offline. */
export function playgroundFiles(): Plugin {
  const files = staticFiles();
  return {
    name: 'playground-files',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const file = files.get((request.url ?? '').replace(/^\/|\?.*$/g, ''));
        if (!file || !existsSync(file)) return next();
        response.setHeader(
          'content-type',
          file.endsWith('.mjs')
            ? 'text/javascript'
            : file.endsWith('.wasm')
              ? 'application/wasm'
              : 'application/octet-stream',
        );
        createReadStream(file).pipe(response);
      });
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        for (const [fileName, path] of files) this.emitFile({ type: 'asset', fileName, source: readFileSync(path) });
        const copied = readdirSync(SAMPLES, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(SAMPLES.length).replace(/^\//, ''));
        // onnxruntime-web is kept when it was used: it is larger than all the rest.
        const offline = [...Object.keys(bundle), ...files.keys(), ...copied].filter((name) => !name.startsWith('ort/'));
        const unique = [...new Set(offline)].filter((name) => name !== 'index.html').sort();
        const hash = createHash('sha256').update(unique.join('\n'));
        for (const path of files.values()) hash.update(readFileSync(path));
        for (const part of Object.values(bundle)) hash.update(part.type === 'chunk' ? part.code : part.source);
        const worker = readFileSync(at('../src/serviceWorker.js'), 'utf8')
          .replace("'__VERSION__'", `'${hash.digest('hex').slice(0, 12)}'`)
          .replace("['__FILES__']", JSON.stringify(['./', ...unique]));
        this.emitFile({ type: 'asset', fileName: 'serviceWorker.js', source: worker });
      },
    },
  };
}
