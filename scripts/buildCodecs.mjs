// Bundles the image codecs of their npm packages into build/codecs: `<name>.wasm` as it came, `<name>Text.js` with the
// same deflated in base64, `<name>.js` with the JavaScript that calls it, the licences of all, and `codecs*.js`, by which
// the runtimes that package.json's `imports` tells apart load the wasm.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { build } from 'esbuild';

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
  const text = deflateRawSync(readFileSync(`${directory}/${codec.wasm}`), { level: 9, memLevel: 9 }).toString('base64');
  writeFileSync(`${OUT}/${codec.name}Text.js`, `export default '${text}';\n`);
  writeFileSync(`${OUT}/${codec.name}Text.d.ts`, 'declare const text: string;\nexport default text;\n');
  // A function, so that every call makes an instance with a state of its own.
  const code = await bundle(`${directory}/${codec.glue}`, 'iife', 'codec');
  const body = `'use strict';\n${code}\nreturn codec;`;
  writeFileSync(`${OUT}/${codec.name}.js`, `export default function (${GLOBALS.join(', ')}) {\n${body}\n}\n`);
  writeFileSync(
    `${OUT}/${codec.name}.d.ts`,
    'export default function (globals: object, ImageData: unknown): Record<string, unknown>;\n',
  );
}
writeFileSync(`${OUT}/cmykJpeg.js`, await bundle('node_modules/jpeg-js/lib/decoder.js', 'esm'));
writeFileSync(
  `${OUT}/cmykJpeg.d.ts`,
  `interface Options {
  readonly useTArray: true;
  readonly maxResolutionInMP: number;
  readonly maxMemoryUsageInMB: number;
  readonly tolerantDecoding: boolean;
}
export default function (
  bytes: Uint8Array,
  options: Options,
): { readonly data: Uint8Array; readonly width: number; readonly height: number };
`,
);
const names = CODECS.map(({ name }) => name);
const texts = names.map((name) => `  ${name}: async () => (await import('./${name}Text.js')).default,`);
writeFileSync(`${OUT}/codecs.js`, `export const codecs = {\n${texts.join('\n')}\n};\n`);
// Cloudflare Workers and Vercel's edge functions compile nothing themselves, but import WebAssembly as compiled modules.
for (const [condition, query] of [
  ['workerd', ''],
  ['edgeLight', '?module'],
]) {
  const imports = names.map((name) => `import ${name} from './${name}.wasm${query}';`);
  const modules = names.map((name) => `  ${name}: async () => ${name},`);
  const text = `${imports.join('\n')}\nexport const codecs = {\n${modules.join('\n')}\n};\n`;
  writeFileSync(`${OUT}/codecs.${condition}.js`, text);
}
writeFileSync(
  `${OUT}/codecs.d.ts`,
  `/** The wasm of a codec: a compiled module, or its bytes deflated in base64. */
export type PackagedCodec = () => Promise<WebAssembly.Module | string>;
export declare const codecs: Readonly<Record<${names.map((name) => `'${name}'`).join(' | ')}, PackagedCodec>>;
`,
);
const notices = LICENSES.map((path) => `# ${path}\n\n${readFileSync(`node_modules/${path}`, 'utf8').trim()}\n`);
writeFileSync(`${OUT}/LICENSES.md`, notices.join('\n'));

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
