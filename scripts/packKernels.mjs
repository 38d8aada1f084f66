// Writes build/wasm/kernels*.js, modelKernels*.js and products.js: the kernels as the runtimes that package.json's
// `imports` tells apart can load them. The plain ones come with their module, since service workers may not import anything later; the
// relaxed ones come when they are asked for.
import { writeFileSync } from 'node:fs';
import { deflated } from './deflated.mjs';

/**
 * @param {string} file
 * @param {string} text
 */
const write = (file, text) => writeFileSync(`build/wasm/${file}`, text);

/** A kernel as text, which every bundler and runtime finds without a file to read or fetch. */
const text = async (/** @type {string} */ file) => `'${await deflated(`build/wasm/${file}.wasm`)}'`;

for (const { name, entry, files } of [
  { name: 'attention', entry: 'kernels', files: ['simd', 'relaxed-simd'] },
  { name: 'model', entry: 'modelKernels', files: ['model-simd', 'model-relaxed-simd'] },
]) {
  const [plain = '', relaxed = ''] = files;
  write(`${entry}.relaxed.js`, `export default ${await text(relaxed)};\n`);
  write(
    `${entry}.js`,
    `export const kernels = {
  name: '${name}',
  plain: ${await text(plain)},
  relaxed: async () => (await import('./${entry}.relaxed.js')).default,
};
`,
  );
  // Cloudflare Workers compile nothing themselves, but import WebAssembly as compiled modules.
  write(
    `${entry}.workerd.js`,
    `import plain from './${plain}.wasm';
import relaxed from './${relaxed}.wasm';
export const kernels = { name: '${name}', plain, relaxed: async () => relaxed };
`,
  );
  // So do Vercel's edge functions, whose build refuses relaxed SIMD on Node 20.
  write(
    `${entry}.edgeLight.js`,
    `import plain from './${plain}.wasm?module';
export const kernels = { name: '${name}', plain, relaxed: async () => undefined };
`,
  );
}

write(
  'kernels.d.ts',
  `/** A compiled module, or its bytes deflated in base64. */
export type PackagedKernel = WebAssembly.Module | string;
/** The kernels of one module, for plain SIMD and, where the package has it for this host, for relaxed SIMD. */
export interface PackagedKernels {
  readonly name: string;
  readonly plain: PackagedKernel;
  relaxed(): Promise<PackagedKernel | undefined>;
}
export declare const kernels: PackagedKernels;
`,
);
write('modelKernels.d.ts', "export { kernels } from './kernels.js';\n");

write('products.js', `export const products = ${await text('products')};\n`);
write(
  'products.d.ts',
  "/** The oracle's products: a module's bytes, deflated in base64. */\nexport declare const products: string;\n",
);
