// Bundles the image codecs of their npm packages into build/codecs: `<name>.wasm` as it came, `<name>Text.js` with the
// same deflated in base64, `<name>.js` with the JavaScript that calls it, the licences of all, and codecs*.js: the codecs
// as the runtimes that package.json's `imports` tells apart can load them.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { deflated } from './deflated.mjs';

const OUT = 'build/codecs';
const CODECS = [
  { name: 'jpeg', package: '@jsquash/jpeg', glue: 'codec/dec/mozjpeg_dec.js', wasm: 'codec/dec/mozjpeg_dec.wasm' },
  { name: 'webp', package: '@jsquash/webp', glue: 'codec/dec/webp_dec.js', wasm: 'codec/dec/webp_dec.wasm' },
  { name: 'png', package: '@jsquash/png', glue: 'codec/pkg/squoosh_png.js', wasm: 'codec/pkg/squoosh_png_bg.wasm' },
];
const LICENSES = [
  ...CODECS.flatMap((codec) => [`${codec.package}/LICENSE`, `${codec.package}/codec/LICENSE.codec.md`]),
  'jpeg-js/LICENSE',
];

// What the code around a codec looks up to find out where it runs. It gets an ImageData of ours and else nothing, so
// that it behaves alike everywhere and changes no global.
const GLOBALS = ['globalThis', 'ImageData', 'self', 'window', 'document', 'process', 'importScripts'];

mkdirSync(OUT, { recursive: true });
for (const codec of CODECS) {
  const directory = `node_modules/${codec.package}`;
  copyFileSync(`${directory}/${codec.wasm}`, `${OUT}/${codec.name}.wasm`);
  writeFileSync(`${OUT}/${codec.name}Text.js`, `export default '${await deflated(`${directory}/${codec.wasm}`)}';\n`);
  // A function, so that every call makes an instance with a state of its own.
  const code = await bundle(`${directory}/${codec.glue}`, 'iife', 'codec');
  const body = `'use strict';\n${code}\nreturn codec;`;
  writeFileSync(`${OUT}/${codec.name}.js`, `export default function (${GLOBALS.join(', ')}) {\n${body}\n}\n`);
}
writeFileSync(`${OUT}/cmykJpeg.js`, await bundleJpegPlanes('node_modules/jpeg-js/lib/decoder.js'));
writeEntries();
const notices = LICENSES.map((path) => `# ${path}\n\n${readFileSync(`node_modules/${path}`, 'utf8').trim()}\n`);
writeFileSync(`${OUT}/LICENSES.md`, notices.join('\n'));

/**
 * jpeg-js's decoder up to the planes of an image's components: it repeats samples where chroma is subsampled.
 * @param {string} path
 */
async function bundleJpegPlanes(path) {
  const exported = 'module.exports = decode;';
  const source = readFileSync(path, 'utf8');
  if (!source.includes(exported)) throw new Error(`${path} expected ${exported}`);
  const planes = `module.exports = (bytes, opts) => {
    const decoder = new JpegImage();
    decoder.opts = opts;
    JpegImage.resetMaxMemoryUsage(opts.maxMemoryUsageInMB * 1024 * 1024);
    decoder.parse(bytes);
    return decoder;
  };`;
  const stdin = { contents: source.replace(exported, planes), resolveDir: '.' };
  const { outputFiles } = await build({
    stdin,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  });
  return /** @type {string} */ (outputFiles[0]?.text);
}

/**
 * @param {string} entry
 * @param {'iife' | 'esm'} format
 * @param {string} [globalName]
 */
async function bundle(entry, format, globalName) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format,
    target: 'es2022',
    write: false,
    logLevel: 'error',
    // The codecs' files are never looked for by their URL.
    define: { 'import.meta.url': '"https://codec.invalid/"' },
    ...(globalName && { globalName }),
  });
  return /** @type {string} */ (outputFiles[0]?.text);
}

function writeEntries() {
  /** @param {(name: string) => string} wasm */
  const entry = (wasm) => `export const codecs = {
${CODECS.map(
  ({ name }) => `  ${name}: {
    glue: async () => (await import('./${name}.js')).default,
    wasm: async () => ${wasm(name)},
  },`,
).join('\n')}
};
export const cmykJpeg = async () => (await import('./cmykJpeg.js')).default;
`;
  const compiled = (/** @type {string} */ query) =>
    CODECS.map(({ name }) => `import ${name} from './${name}.wasm${query}';\n`).join('') + entry((name) => name);
  // As text, which every bundler and runtime finds without a file to read or fetch, imported with the first image.
  writeFileSync(
    `${OUT}/codecs.js`,
    entry((name) => `(await import('./${name}Text.js')).default`),
  );
  // Cloudflare Workers and Vercel's edge functions compile nothing themselves, but import WebAssembly as compiled modules.
  writeFileSync(`${OUT}/codecs.workerd.js`, compiled(''));
  writeFileSync(`${OUT}/codecs.edgeLight.js`, compiled('?module'));
  writeFileSync(
    `${OUT}/codecs.d.ts`,
    `/** The code around a codec, which makes an instance with a state of its own, and the codec: compiled, or deflated in base64. */
export interface PackagedCodec {
  glue(): Promise<(globals: object, ImageData: unknown) => Record<string, unknown>>;
  wasm(): Promise<WebAssembly.Module | string>;
}
export declare const codecs: Readonly<Record<${CODECS.map(({ name }) => `'${name}'`).join(' | ')}, PackagedCodec>>;

export interface CmykOptions {
  readonly maxResolutionInMP: number;
  readonly maxMemoryUsageInMB: number;
  readonly tolerantDecoding: boolean;
}
/** A component's samples by lines, padded to whole blocks; its sizes relative to the image's. */
export interface JpegComponent {
  readonly lines: readonly Uint8Array[];
  readonly scaleX: number;
  readonly scaleY: number;
}
export interface JpegPlanes {
  readonly width: number;
  readonly height: number;
  readonly components: readonly JpegComponent[];
  readonly adobe?: { readonly transformCode: number } | null;
}
export declare function cmykJpeg(): Promise<(bytes: Uint8Array, options: CmykOptions) => JpegPlanes>;
`,
  );
}
