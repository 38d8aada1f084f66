import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeWhole } from '../src/cli/writeFile.js';
import { shiftedWindowAttention, windowAttention } from '../src/reference/index.js';
import { readSafetensors, writeSafetensors } from '../src/safetensors/index.js';
import { float32Tensor, type Tensor, type TensorLike } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';

const MAIN = fileURLToPath(new URL('../build/cli/main.js', import.meta.url));
const WRITE = new URL('../build/cli/writeFile.js', import.meta.url).href;
const CAT = fileURLToPath(new URL('../examples/images/chelsea.png', import.meta.url));
const MODEL = fileURLToPath(new URL('models/swin-cifar10', import.meta.url));

interface Result {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

let directory: string;
const path = (name: string) => join(directory, name);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'outputs-'));
});
afterAll(() => rm(directory, { recursive: true }));

function execute(file: string, args: readonly string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd: directory }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.signal ?? error.code ?? null) : 0, stdout, stderr });
    });
  });
}

const cli = (...args: string[]) => execute(process.execPath, [MAIN, ...args]);

/** Windows has no limits of a shell's, and no signal there can be caught. */
const posix = it.runIf(process.platform !== 'win32');

/** Runs the command line behind what a shell sets up, such as `ulimit -f 0;`, or in a pipe. */
const inShell = (before: string, args: readonly string[], after = '') =>
  execute('bash', ['-c', `${before} "$0" "$@" ${after}`, process.execPath, MAIN, ...args]);

const next = randomNumbers(5);
const random = (...dims: number[]) => randomTensor(dims, next);
const inputs = { q: random(4, 2, 5, 3), k: random(4, 2, 5, 3), v: random(4, 2, 5, 3) };
const stored = ({ dims, data }: Tensor) => float32Tensor(dims, Float32Array.from(data as Float64Array));
const o = stored(windowAttention(inputs).o);
const prefixed = (name: string, tensors: Record<string, TensorLike>) =>
  Object.fromEntries(Object.entries(tensors).map(([key, value]) => [`${name}.${key}`, value]));
const save = (name: string, tensors: Record<string, TensorLike>, metadata = {}) =>
  writeFile(path(name), writeSafetensors(tensors, metadata));

describe('run', () => {
  it('refuses to write over its input, whatever that is called', async () => {
    await save('in.safetensors', inputs);
    await symlink(path('in.safetensors'), path('soft.safetensors'));
    await link(path('in.safetensors'), path('hard.safetensors'));
    const before = await readFile(path('in.safetensors'));
    for (const output of ['in.safetensors', './in.safetensors', 'soft.safetensors', 'hard.safetensors']) {
      const { code, stderr } = await cli('run', 'in.safetensors', '-o', output);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/--output expected another file than the input in/)]);
    }
    expect(await readFile(path('in.safetensors'))).toEqual(before);
  });

  it('refuses tensors of unknown names, and says which may be meant', async () => {
    await save('maks.safetensors', { ...inputs, maks: random(2, 5, 5) });
    const refused = await cli('run', 'maks.safetensors', '-o', 'o.safetensors');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/maks\.safetensors: the case has an unknown tensor "maks": did you mean mask\?/);
    const allowed = await cli('run', 'maks.safetensors', '-o', 'o.safetensors', '--allow-unknown');
    expect([allowed.code, allowed.stdout]).toEqual([0, expect.stringMatching(/o\.safetensors: 1 case by wasm\n$/)]);
  });

  it('leaves no case out silently', async () => {
    const { q, k } = inputs;
    await save('lacks.safetensors', { ...prefixed('a', inputs), ...prefixed('b', { q, k }) });
    const { code, stderr } = await cli('run', 'lacks.safetensors', '-o', 'o.safetensors');
    expect([code, stderr]).toEqual([2, expect.stringMatching(/lacks.*: case "b" has no inputs q, k and v, or qkv/)]);
  });

  it('computes images, and what it says of them is right', async () => {
    const image = { qkv: random(1, 5, 7, 12), relativePositionBias: random(2, 6, 6), dO: random(1, 5, 7, 4) };
    const cases = JSON.stringify([{ name: 'image', numHeads: 2, windowSize: [2, 3], shiftSize: [1, 1] }]);
    await save('image.safetensors', { ...prefixed('image', image), ...prefixed('w', inputs) }, { cases });
    for (const how of [[], ['--reference'], ['--backend', 'typescript']]) {
      const ran = await cli('run', 'image.safetensors', '-o', 'o.safetensors', ...how);
      expect([ran.code, ran.stderr]).toEqual([0, '']);
      expect(ran.stdout).toMatch(/^image: o in .*\nw: o lse in .*\no\.safetensors: 2 cases by/);
      const { tensors } = readSafetensors(await readFile(path('o.safetensors')));
      const { dO: _, ...args } = image;
      const expected = shiftedWindowAttention({ ...args, numHeads: 2, windowSize: [2, 3], shiftSize: 1 });
      const error = (tensors['image.o'] as Tensor<Float32Array>).data.map((x, at) => x - (expected.data[at] as number));
      expect(Math.max(...error.map(Math.abs))).toBeLessThan(1e-5);
    }
    await save('one.safetensors', prefixed('image', image), { cases });
    expect((await cli('run', 'one.safetensors', '-o', 'o.safetensors', '--backward')).code).toBe(0);
    const checked = await cli('check', 'one.safetensors', 'o.safetensors');
    expect([checked.code, checked.stdout]).toEqual([0, expect.stringMatching(/\n3 tensors pass\n$/)]);
  });
});

describe('check', () => {
  beforeAll(async () => {
    await save('misspelt.safetensors', { ...inputs, biass: random(2, 5, 5) });
    await save('right.safetensors', { ...inputs, o });
    await save('outputs.safetensors', { o });
    await save('two.safetensors', { ...prefixed('left', { ...inputs, o }), ...prefixed('r/1', { ...inputs, o }) });
    await save('alike.safetensors', { ...prefixed('a/1', { ...inputs, o }), ...prefixed('a_1', { ...inputs, o }) });
    await save('lse.safetensors', { ...inputs, lse: stored(windowAttention(inputs).lse) });
    await save('zeros.safetensors', { ...inputs, o: float32Tensor([4, 2, 5, 3]) });
  });

  it.each([
    [
      ['misspelt.safetensors', 'outputs.safetensors'],
      /: misspelt\.safetensors: the case has an unknown tensor "biass": did you mean bias\?/,
    ],
    [['right.safetensors', 'misspelt.safetensors'], /: misspelt\.safetensors: the case has an unknown tensor/],
    [['right.safetensors', '--require', 'o,dq'], /--require expected names of o, lse, .*, got "dq": did you mean dQ\?/],
    [['right.safetensors', '--require', 'loss'], /--require expected names of .*, got "loss"\n$/],
    [['two.safetensors', '--case', 'lefft'], /expected a case named "lefft", got none: did you mean "left"\?/],
    [['right.safetensors', '--map', 'e.png'], /--map expected a file that ends in \.svg, got e\.png/],
    [['right.safetensors', '--map', 'map'], /--map expected a file that ends in \.svg, got map/],
    [
      ['right.safetensors', '-o', 'report'],
      /--output expected a file that ends in .xml, .md, .txt or .json, got report/,
    ],
    [['lse.safetensors', '--map', 'e.svg'], /expected an output o for --map to draw the errors of, got none/],
    [[CAT], /chelsea\.png: expected a \.safetensors, \.npz or \.npy file/],
  ])('exits with 2 and one line on %j', async (args, text) => {
    const { code, stdout, stderr } = await cli('check', ...args);
    expect([code, stdout, stderr.match(/\n/g)?.length]).toEqual([2, '', 1]);
    expect(stderr).toMatch(text);
  });

  it('draws a map a case, of names that differ in what no file name has, too', async () => {
    expect((await cli('check', 'two.safetensors', '--map', 'e.svg')).code).toBe(0);
    expect((await cli('check', 'alike.safetensors', '--map', 'f.svg')).code).toBe(0);
    const maps = (await readdir(directory)).filter((name) => name.endsWith('.svg'));
    expect(maps.sort()).toEqual(['e.left.svg', 'e.r_1.svg', 'f.a_1.1.svg', 'f.a_1.2.svg']);
  });

  it('counts one tensor as one, and has no figure where none is defined', async () => {
    expect((await cli('check', 'right.safetensors')).stdout).toMatch(/\n1 tensor passes\n$/);
    const { stdout } = await cli('check', 'zeros.safetensors');
    expect(stdout).toMatch(/ {2}correlation – {2}/);
    expect(stdout).toMatch(/\n1 of 1 tensor fails\n$/);
    expect(stdout).not.toMatch(/NaN/);
  });
});

/** Every command that writes, by what it writes; `place` takes a name of the folder where it goes. */
const WRITERS: readonly (readonly [string, string, (place: string) => string[]])[] = [
  ['run', 'o.safetensors', (place) => ['run', 'in.safetensors', '-o', `${place}/o.safetensors`]],
  ['run to .npz', 'o.npz', (place) => ['run', 'in.safetensors', '-o', `${place}/o.npz`]],
  ['vectors', 'v.npz', (place) => ['vectors', '--shape', '4,2,32,32', '-o', `${place}/v.npz`]],
  ['check -o', 'r.md', (place) => ['check', 'judged.safetensors', '-o', `${place}/r.md`]],
  ['check -o -o', 'r.xml', (place) => ['check', 'judged.safetensors', '-o', `${place}/r.xml`, '-o', `${place}/r.txt`]],
  ['check --map', 'e.svg', (place) => ['check', 'judged.safetensors', '--map', `${place}/e.svg`]],
  ['quantize', 'config.json', (place) => ['quantize', MODEL, '-o', place]],
];

describe.each(WRITERS)('%s', (_, name, argsAt) => {
  const line = (text: RegExp) =>
    expect.stringMatching(new RegExp(`^flash-window-attention: [^\n]*${text.source}[^\n]*\n$`));

  beforeEach(async () => {
    await save('in.safetensors', { q: random(8, 2, 16, 32), k: random(8, 2, 16, 32), v: random(8, 2, 16, 32) });
    await save('judged.safetensors', { ...inputs, o });
    await rm(path('out'), { recursive: true, force: true });
    await mkdir(path('out'));
    await writeFile(path(`out/${name}`), 'what was there');
  });
  /** Nothing but what was there. */
  const isUntouched = async () => {
    expect(await readdir(path('out'))).toEqual([name]);
    expect(await readFile(path(`out/${name}`), 'utf8')).toBe('what was there');
  };

  posix('leaves what was there on a full disk, and says so in a line', async () => {
    const { code, stderr } = await inShell('ulimit -f 0;', argsAt('out'));
    expect([code, stderr]).toEqual([2, line(/out\/[\w.]+ cannot be written: EFBIG: file too large/)]);
    await isUntouched();
  });

  it('says in a line that there is no such place', async () => {
    const { code, stderr } = await cli(...argsAt('in.safetensors'));
    expect([code, stderr]).toEqual([2, line(/in\.safetensors/)]);
    expect(stderr).not.toMatch(/\.part/);
  });

  it('replaces what was there, and leaves nothing beside it', async () => {
    const { code, stderr } = await cli(...argsAt('out'));
    expect([code, stderr]).toEqual([0, '']);
    expect(await readFile(path(`out/${name}`), 'utf8')).not.toBe('what was there');
    expect((await readdir(path('out'))).filter((file) => file.endsWith('.part'))).toEqual([]);
  });
});

describe('a file that is written', () => {
  posix('is whole or not there, whenever the disk is full', async () => {
    await mkdir(path('full'));
    // 1,024 bytes each; the file has 16 times as many.
    for (const blocks of [1, 8]) {
      const { code } = await inShell(`ulimit -f ${blocks};`, ['vectors', '--shape', '1,1,36,36', '-o', 'full/v.npz']);
      expect([code, await readdir(path('full'))]).toEqual([2, []]);
    }
  });

  it.runIf(process.platform !== 'win32' && process.getuid?.() !== 0)(
    'needs a directory that may be written',
    async () => {
      await mkdir(path('closed'), { mode: 0o555 });
      const { code, stderr } = await cli('vectors', '--shape', '1,1,2,2', '-o', 'closed/v.npz');
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/got closed\/v\.npz, whose directory may not be written\n$/),
      ]);
    },
  );

  it('is named in an error, and what is beside it not', async () => {
    await writeFile(path('plain'), '');
    for (const place of ['plain/x.npz', 'nowhere/x.npz', '.']) {
      const error = await writeWhole(path(place), 'x').catch((reason: Error) => reason.message);
      expect(error).toMatch(/^\S+ cannot be written: E[A-Z]+: [a-z ]+$/);
      expect(error).not.toMatch(/part/);
    }
  });

  it('is the one that a link leads to', async () => {
    await mkdir(path('far'));
    await writeFile(path('far/v.npz'), 'old');
    await symlink('far/v.npz', path('near.npz'));
    expect((await cli('vectors', '--shape', '1,1,2,2', '-o', 'near.npz')).code).toBe(0);
    expect(await readlink(path('near.npz'))).toBe('far/v.npz');
    expect((await readFile(path('far/v.npz'))).length).toBeGreaterThan(100);
  });

  posix.each(['SIGINT', 'SIGTERM'] as const)('goes half-written with the process that %s ends', async (signal) => {
    await mkdir(path(signal));
    await writeFile(path(`${signal}/x.npz`), 'old');
    const program = `
      const { writeWhole } = await import(${JSON.stringify(WRITE)});
      setInterval(() => {}, 1000);
      await writeWhole(process.argv[1], (async function* () {
        yield 'half';
        yield 'of it';
        process.stdout.write('begun');
        await new Promise(() => {});
      })());`;
    const args = ['--input-type=module', '-e', program, path(`${signal}/x.npz`)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise((resolve) => child.on('close', (code, by) => resolve(by ?? code)));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect((await readdir(path(signal))).length).toBe(2);
    child.kill(signal);
    expect([await ended, stderr]).toEqual([signal, '']);
    expect(await readdir(path(signal))).toEqual(['x.npz']);
    expect(await readFile(path(`${signal}/x.npz`), 'utf8')).toBe('old');
  });
});

it.runIf(existsSync('/proc/self'))('refuses a directory that the file system has no place for', async () => {
  const { code, stderr } = await cli('quantize', MODEL, '-o', '/proc/none/model');
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^flash-window-attention: [^\n]*\/proc\/none\/model cannot be made: ENOENT[^\n]*\n$/),
  ]);
});

it.each(['none.png', 'text.png'])('quantizes nothing where an image cannot be read: %s', async (image) => {
  await writeFile(path('text.png'), 'no image');
  for (const images of [[image], ['--calibrate', image]]) {
    const { code, stderr } = await cli('quantize', MODEL, ...images, '-o', 'none/model');
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(new RegExp(`^flash-window-attention: [^\\n]*${image}[^\\n]*\\n$`)),
    ]);
    expect(existsSync(path('none'))).toBe(false);
  }
});

describe('stdout', () => {
  posix('may be closed early: that is silent', async () => {
    await save(
      'many.safetensors',
      Object.assign({}, ...Array.from({ length: 40 }, (_, i) => prefixed(`case${i}`, { ...inputs, o }))),
    );
    const { stdout, stderr } = await inShell('', ['check', 'many.safetensors'], '| head -1');
    expect([stdout.split('\n').length, stderr]).toEqual([2, '']);
    expect(await inShell('', ['info'], '| true')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it.runIf(process.platform === 'linux')('may be full: that is said in a line, and exits with 2', async () => {
    await save('right.safetensors', { ...inputs, o });
    for (const args of [['info'], ['check', 'right.safetensors'], ['--help'], ['check', '--help']]) {
      const { code, stderr } = await inShell('', args, '> /dev/full');
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^flash-window-attention: ENOSPC: [^\n]*\n$/)]);
    }
  });
});

posix('ends by SIGINT where it works long, without a word', async () => {
  const child = spawn(process.execPath, [MAIN, 'bench'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  child.kill('SIGINT');
  // What a shell calls exit code 130.
  expect([await ended, output]).toEqual(['SIGINT', '']);
});
