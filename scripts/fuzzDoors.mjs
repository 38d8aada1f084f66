// What the fuzzer calls, and the inputs that it starts from. A seed is an input that the door takes.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { writeNpy } from '../build/cli/npy.js';
import { tensorsOf } from '../build/cli/tensorBytes.js';
import { decodeImage } from '../build/image/index.js';
import { createWindowAttention } from '../build/index.js';
import * as oracle from '../build/oracle/index.js';
import * as reference from '../build/reference/index.js';
import { readSafetensors, writeSafetensors } from '../build/safetensors/index.js';
import { SwinForImageClassification } from '../build/swin/index.js';
import { CALLS, tensor, window } from './fuzzCalls.mjs';
import { openService } from './fuzzService.mjs';

/**
 * @typedef {object} Door
 * @property {string} name
 * @property {readonly string[]} [tokens] Words of the format.
 * @property {number} [share] Of the time, 1 when absent.
 * @property {number} inputs Of a run of fixed inputs: about eight seconds' worth.
 * @property {boolean} [isOutside] Runs in another process, whose coverage nobody sees.
 * @property {() => Promise<{ seeds: readonly unknown[], run: (input: any) => unknown }>} open
 */

/** A size that is honest, but takes minutes or gigabytes, is no fault of the check. @param {unknown} value @returns {boolean} */
const isLarge = (value) =>
  typeof value === 'number'
    ? Math.abs(value) > 4096 && Math.abs(value) < 2 ** 53
    : typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && Object.values(value).some(isLarge);

const json = (/** @type {string} */ path) => JSON.parse(readFileSync(path, 'utf8'));

/** @type {readonly Door[]} */
export const DOORS = [
  {
    name: 'safetensors',
    inputs: 60_000,
    tokens: [
      '"dtype":"',
      '"shape":[',
      '"data_offsets":[',
      '__metadata__',
      'F32',
      'BF16',
      'I64',
      'BOOL',
      '{}',
      '\\u0000',
      '1e3',
    ],
    async open() {
      const seeds = [
        writeSafetensors({ q: tensor([2, 3]), k: tensor([4], 'float16') }, { scale: '0.5' }),
        writeSafetensors({ a: tensor([1], 'float64') }),
      ];
      return {
        seeds,
        run(bytes) {
          let fromMemory;
          try {
            fromMemory = readSafetensors(bytes);
          } catch (error) {
            // The command line's own reader refuses the same files.
            expectThrow(() => tensorsOf('x.safetensors', bytes));
            throw error;
          }
          const { tensors } = tensorsOf('x.safetensors', bytes);
          if (tensors.size !== Object.keys(fromMemory.tensors).length) throw new Error('two readers differ');
        },
      };
    },
  },
  {
    name: 'npz',
    inputs: 60_000,
    tokens: [
      "'descr': '<f4'",
      "'shape': (",
      "'fortran_order': True",
      '.npy',
      'PK\x01\x02',
      'PK\x05\x06',
      'PK\x06\x06',
      '\x93NUMPY',
    ],
    async open() {
      const files = { 'q.npy': writeNpy('q', tensor([2, 3])), 'k.npy': writeNpy('k', tensor([4], 'float16')) };
      const run = (/** @type {Uint8Array} */ bytes) => {
        const isNpy = bytes[0] === 0x93;
        for (const { dims, read } of tensorsOf(isNpy ? 'x.npy' : 'x.npz', bytes, true).tensors.values()) {
          if (dims.length) read(0, /** @type {number} */ (dims[0]));
        }
      };
      return { seeds: [zipSync(files, { level: 0 }), zipSync(files), files['q.npy'], files['k.npy']], run };
    },
  },
  {
    name: 'image',
    inputs: 10_000,
    tokens: [
      'IHDR',
      'IDAT',
      'PLTE',
      'tRNS',
      'eXIf',
      'VP8 ',
      'VP8L',
      'VP8X',
      'ALPH',
      '\xff\xd8',
      '\xff\xc0',
      '\xff\xc2',
      '\xff\xda',
    ],
    async open() {
      const directory = 'test/golden/images/files';
      const files = readdirSync(directory)
        .sort()
        .map((file) => new Uint8Array(readFileSync(`${directory}/${file}`)));
      const seeds = files.filter(({ length }) => length < 8192);
      return { seeds, run: (bytes) => decodeImage(bytes, { maxPixels: 1e6 }) };
    },
  },
  {
    name: 'model',
    inputs: 150,
    async open() {
      const directory = 'models/swin-cifar10';
      const weights = new Uint8Array(readFileSync(`${directory}/model.safetensors`));
      const config = json(`${directory}/config.json`);
      const preprocessor = json(`${directory}/preprocessor_config.json`);
      const attention = await createWindowAttention({ backend: 'typescript' });
      const pixels = { data: new Uint8Array(4 * 20 * 30), width: 20, height: 30 };
      return {
        seeds: [{ config, preprocessor }],
        async run(files) {
          if (isLarge(files)) return;
          const { config, preprocessor } = files ?? {};
          const model = await SwinForImageClassification.fromPretrained(
            { config, preprocessor, weights },
            { attention },
          );
          model.preprocess?.(pixels);
          model.dispose();
        },
      };
    },
  },
  {
    name: 'state dict',
    inputs: 300,
    async open() {
      const directory = 'models/swin-cifar10';
      const { tensors } = readSafetensors(readFileSync(`${directory}/model.safetensors`));
      const config = json(`${directory}/config.json`);
      const attention = await createWindowAttention({ backend: 'typescript' });
      return {
        seeds: [{ ...tensors }],
        async run(dict) {
          (await SwinForImageClassification.fromStateDict(dict, config, { attention })).dispose();
        },
      };
    },
  },
  {
    name: 'arguments',
    inputs: 30_000,
    share: 3,
    async open() {
      const engine = await createWindowAttention();
      const functions = /** @type {Record<string, any>} */ ({
        engine,
        reference,
        oracle,
        create: createWindowAttention,
        readSafetensors,
        writeSafetensors,
      });
      return {
        seeds: CALLS.map(([name, args]) => ({ name, args })),
        async run(call) {
          const { name, args } = call ?? {};
          if (isLarge(args) || typeof name !== 'string' || !Array.isArray(args)) return;
          const [group = '', method = ''] = name.split('.');
          const called = functions[group];
          const target = typeof called === 'function' ? called : called?.[method];
          // What is no function of the package is no call of it.
          if (!CALLS.some(([known]) => known === name)) return;
          const result = await target(...args);
          await result?.dispose?.();
          const probe = await engine.forward(/** @type {any} */ (window()));
          if (!Array.from(probe.o.data).every(Number.isFinite)) throw new Error('the engine is damaged');
        },
      };
    },
  },
  { name: 'service', inputs: 8000, open: openService },
  {
    name: 'command line',
    inputs: 30,
    isOutside: true,
    async open() {
      const seeds = [
        ['info', '--json'],
        ['vectors', '--shape', '1,1,4,4', '-o', '/dev/null/x.npz'],
        ['check', 'build/fuzz-none.npz', '--sample', '1', '--seed', '2'],
        ['run', 'missing.safetensors', '-o', 'x.npz', '--backward'],
        ['classify', 'missing.png', '--top', '3', '--threads', '1'],
        ['quantize', 'missing', '-o', 'build/fuzz-none'],
      ];
      return {
        seeds,
        run(args) {
          const texts = (Array.isArray(args) ? args : [args]).map((item) =>
            (typeof item === 'object' ? 'object' : String(item)).replaceAll('\0', ''),
          );
          const { status, stderr, signal } = spawnSync('node', ['build/cli/main.js', ...texts], {
            encoding: 'utf8',
            timeout: 600_000,
          });
          if (signal || ![0, 1, 2].includes(status ?? -1)) throw new Error(`ended with ${signal ?? status}: ${stderr}`);
          if (/^\s+at .*:\d+:\d+/m.test(stderr)) throw new Error(`prints a stack: ${stderr}`);
        },
      };
    },
  },
];

/** @param {() => unknown} body */
function expectThrow(body) {
  try {
    body();
  } catch {
    return;
  }
  throw new Error('two readers differ');
}
