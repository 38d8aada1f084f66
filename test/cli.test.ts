import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from 'fast-png';
import jpeg from 'jpeg-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bench } from '../src/cli/bench.js';
import { createWindowAttention } from '../src/index.js';
import { writeSafetensors } from '../src/safetensors/index.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';

const MAIN = fileURLToPath(new URL('../build/cli/main.js', import.meta.url));
const CORE = fileURLToPath(new URL('golden/core.safetensors', import.meta.url));
const FAULTS = fileURLToPath(new URL('golden/faults.safetensors', import.meta.url));
const CAT = fileURLToPath(new URL('../examples/images/chelsea.png', import.meta.url));

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line. */
function cli(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

let directory: string;
const path = (name: string) => join(directory, name);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'flash-window-attention-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe('classify', () => {
  it('names the cat of the sample photograph, and verifies the kernel on it', async () => {
    const { code, stdout, stderr } = await cli('classify', CAT, '--square', '--verify', '--top', '3', '--json');
    const { images, backend } = JSON.parse(stdout);
    expect([code, stderr, backend]).toEqual([0, '', 'wasm']);
    expect(images[0].classes.map(({ label }: { label: string }) => label)[0]).toBe('cat');
    expect(images[0].classes.length).toBe(3);
    expect(images[0].largestError).toBeGreaterThan(0);
    expect(images[0].largestError).toBeLessThan(1e-5);
  });

  it('says how it preprocesses for a model that does not', async () => {
    const model = path('unsaid');
    await mkdir(model);
    for (const file of ['config.json', 'model.safetensors']) {
      await copyFile(new URL(`../models/swin-cifar10/${file}`, import.meta.url), join(model, file));
    }
    const { code, stdout, stderr } = await cli('classify', CAT, '--square', '--model', model, '--json');
    expect([code, JSON.parse(stdout).images.length]).toEqual([0, 1]);
    expect(stderr).toBe(
      `${model} has no preprocessor_config.json, assumed: images resized to 32 × 32 pixels (bicubic) and normalised ` +
        "by ImageNet's mean and standard deviation\n",
    );
  });

  it('reads JPEG, grey, grey with alpha, 16-bit and palette PNG alike', async () => {
    const width = 48;
    const height = 40;
    const grey = Uint8Array.from({ length: width * height }, (_, i) => Math.round((255 * (i % width)) / width));
    const spread = (count: number, alpha = false) =>
      Uint8Array.from({ length: grey.length * count }, (_, i) =>
        alpha && i % count === count - 1 ? 255 : (grey[Math.floor(i / count)] as number),
      );
    const files: Record<string, Uint8Array> = {
      'rgb.png': encode({ width, height, data: spread(3), channels: 3, depth: 8 }),
      'rgba.png': encode({ width, height, data: spread(4, true), channels: 4, depth: 8 }),
      'grey.png': encode({ width, height, data: grey, channels: 1, depth: 8 }),
      'grey-alpha.png': encode({ width, height, data: spread(2, true), channels: 2, depth: 8 }),
      'deep.png': encode({ width, height, data: Uint16Array.from(grey, (x) => x * 257), channels: 1, depth: 16 }),
      'photo.jpg': jpeg.encode({ width, height, data: spread(4, true) }, 100).data,
    };
    await Promise.all(Object.entries(files).map(([name, bytes]) => writeFile(path(name), bytes)));
    const { code, stdout } = await cli('classify', ...Object.keys(files).map(path), '--json');
    expect(code).toBe(0);
    const scores = JSON.parse(stdout).images.map(
      ({ classes }: { classes: { label: string; score: number }[] }) => classes[0],
    );
    for (const score of scores.slice(1, 5)) expect(score).toEqual(scores[0]);
    expect(scores[5].label).toBe(scores[0].label);
    expect(Math.abs(scores[5].score - scores[0].score)).toBeLessThan(0.05);
  });

  it('reads directories, and goes on behind a damaged image', async () => {
    await mkdir(path('album'));
    await writeFile(path('album/a.png'), 'no image');
    await copyFile(CAT, path('album/b.PNG'));
    await writeFile(path('album/notes.txt'), 'no image either');
    const { code, stdout, stderr } = await cli('classify', path('album'), '--threads', '2', '--json');
    expect(code).toBe(2);
    expect(stderr).toMatch(/a.png: expected a PNG, JPEG or WebP file/);
    const { images, threads } = JSON.parse(stdout);
    expect([images.map(({ image }: { image: string }) => image), threads]).toEqual([[path('album/b.PNG')], 2]);
    await mkdir(path('empty'));
    expect((await cli('classify', path('empty'))).stderr).toMatch(/expected PNG, JPEG or WebP files/);
  });

  it('says the same of many images in one thread and in three, in their order', async () => {
    await mkdir(path('many'));
    const sides = [32, 40, 57, 64, 90];
    for (let i = 0; i < 23; i++) {
      const side = sides[i % sides.length] as number;
      const data = Uint8Array.from({ length: 3 * side * side }, (_, at) => (at * (i + 3) * 7919) >> 8);
      const name = `${i}`.padStart(2, '0');
      if (i % 7 === 3) await writeFile(path(`many/${name}.jpg`), 'damaged');
      else
        await writeFile(path(`many/${name}.png`), encode({ width: side, height: side, data, channels: 3, depth: 8 }));
    }
    const runs = [];
    for (const threads of ['1', '3']) {
      const { code, stdout, stderr } = await cli('classify', path('many'), '--threads', threads, '--json');
      const { images } = JSON.parse(stdout);
      runs.push([
        code,
        stderr,
        images.map(({ image, classes }: { image: string; classes: object[] }) => [image, classes]),
      ]);
    }
    expect(runs[0]?.[2]).toHaveLength(20);
    expect(runs[1]).toEqual(runs[0]);
  });

  it('refuses images of more pixels than the option says', async () => {
    const { code, stderr } = await cli('classify', CAT, '--max-pixels', '1000');
    expect(code).toBe(2);
    expect(stderr).toMatch(/chelsea.png: expected an image of at most 1000 pixels .*, got a png file of 451 × 300/);
  });

  it.each([
    ['a text', 'hello', /bad: expected a PNG, JPEG or WebP file/],
    ['a damaged PNG', Buffer.from('89504e470d0a1a0a00', 'hex'), /expected a PNG file up to its chunk IEND/],
    ['a damaged JPEG', Buffer.from('ffd8ffee', 'hex'), /expected a JPEG file with whole segments/],
  ])('exits with 2 on %s', async (_, contents, text) => {
    await writeFile(path('bad'), contents);
    const { code, stderr } = await cli('classify', path('bad'));
    expect([code, stderr.match(text) !== null]).toEqual([2, true]);
  });
});

describe('run and check', () => {
  it('agree on the golden cases, gradients of the reference too', async () => {
    const engine = await cli('run', CORE, '-o', path('engine.safetensors'));
    expect([engine.code, engine.stderr]).toEqual([0, '']);
    expect((await cli('check', CORE, path('engine.safetensors'))).stderr).toMatch(
      /case "c00" has dO and lacks dQ, dK, dV/,
    );
    const { code, stdout } = await cli('check', CORE, path('engine.safetensors'), '--allow-missing', '--json');
    const report = JSON.parse(stdout);
    expect([code, report.pass, report.cases.length]).toEqual([0, true, 21]);
    expect(Object.keys(report.cases[0].tensors)).toEqual(['o', 'lse']);
  });

  it('run the reference with gradients, for a file of one nameless case', async () => {
    const next = randomNumbers(1);
    const tensor = () => randomTensor([1, 2, 5, 3], next);
    const inputs = { q: tensor(), k: tensor(), v: tensor(), dO: tensor(), bias: randomTensor([2, 5, 5], next) };
    await writeFile(path('one.safetensors'), writeSafetensors(inputs, { scale: '0.5' }));
    const ran = await cli('run', path('one.safetensors'), '-o', path('out.safetensors'), '--reference', '--backward');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const checked = await cli('check', path('one.safetensors'), path('out.safetensors'));
    expect(checked.code).toBe(0);
    expect(checked.stdout.match(/^pass {2}(o|lse|dQ|dK|dV|dBias) /gm)?.length).toBe(6);
  });

  it('say what is wrong, as text, Markdown and JUnit', async () => {
    const check = (format: string) => {
      return cli('check', FAULTS, '--case', 'faults', '--suffix', '_bias_transposed', '--format', format);
    };
    const [text, markdown, junit] = await Promise.all(['text', 'markdown', 'junit'].map(check));
    for (const report of [text, markdown, junit]) {
      expect([report?.code, report?.stderr]).toEqual([1, '']);
      expect(report?.stdout).toMatch(/bias_transposed: the bias is added with queries and keys exchanged/);
    }
    expect(text?.stdout).toMatch(/^FAIL {2}faults\.o /m);
    expect(markdown?.stdout).toMatch(/^\| \*\*FAIL\*\* \| faults\.o \|/m);
    expect(junit?.stdout).toMatch(/<testsuite name="faults" tests="1" failures="1">/);
    expect(text?.stdout).toMatch(
      /worst at window \d, head \d, row \d+, column \d+\n {6}elements by error over tolerance: exact/,
    );
    expect((await cli('check', FAULTS, '--case', 'faults', '--suffix', '_correct')).code).toBe(0);
  });

  it('write several reports of one run', async () => {
    const reports = ['r.txt', 'r.md', 'r.xml', 'r.json'].map(path);
    const options = ['--case', 'faults', '--suffix', '_bias_transposed'];
    const { code, stdout } = await cli('check', ...reports.flatMap((report) => ['-o', report]), ...options, FAULTS);
    expect(code).toBe(1);
    const [text, markdown, junit, json] = await Promise.all(reports.map((report) => readFile(report, 'utf8')));
    expect(text).toBe(stdout);
    expect(markdown).toMatch(/^### Window attention: fail$/m);
    expect(junit).toMatch(/^<\?xml .*<failure /s);
    expect(JSON.parse(json as string)).toMatchObject({ pass: false, cases: [{ name: 'faults' }] });
  });

  it('draw the errors', async () => {
    const map = path('map.svg');
    await cli('check', FAULTS, '--case', 'faults', '--suffix', '_one_window_stale', '--map', map);
    const svg = await readFile(map, 'utf8');
    // Window 3 of 4, all 3 heads; every row and column.
    expect(svg.match(/fill="#8b0000"/g)?.length).toBe(3 + 49 * 32);
    expect(svg).toMatch(/^<svg .*<text[^>]*>window 0 to 3 down, head 0 to 2 across<\/text>.*<\/svg>$/s);
  });

  it('find a wrong output, and exit with 1', async () => {
    const next = randomNumbers(2);
    const tensor = () => randomTensor([1, 2, 5, 3], next);
    const inputs = { q: tensor(), k: tensor(), v: tensor() };
    await writeFile(path('wrong.safetensors'), writeSafetensors({ ...inputs, o_kernel: inputs.v }));
    const { code, stdout } = await cli('check', path('wrong.safetensors'), '--suffix', '_kernel');
    expect([code, /^FAIL {2}o /m.test(stdout), /1 of 1 tensor fails/.test(stdout)]).toEqual([1, true, true]);
  });

  it.each([
    [['check', 'nowhere.safetensors'], /ENOENT/],
    [['check', CAT], /safetensors file: expected a header/],
    [['check', CORE, '--case', 'c99'], /expected a case named "c99"/],
    [['check', CORE, '--suffix', '_none'], /has no outputs with the suffix _none/],
    [['check', CORE, '--dtype', 'int8'], /Allowed choices are float32, tf32, bfloat16, float16, float8_e4m3fn/],
    [
      ['check', CORE, '-o', 'report.md', '-o', 'report.pdf'],
      /--output expected a file that ends in .xml, .md, .txt or .json, got/,
    ],
    [['run', CORE], /required option/],
    [['run', CORE, '-o', 'x', '--threads', 'two'], /expected an integer ≥ 0/],
    [['run', CORE, '-o', 'x.npz', '--backward', '--reference'], /has no dO for --backward/],
    [['run', CORE, '-o', 'x.pt'], /--output expected a file that ends in .safetensors or .npz, got x.pt/],
    [['check', CORE, '--rtol', '-1'], /expected a number ≥ 0/],
    [['polish'], /unknown command 'polish'/],
    [['info', '--loud'], /unknown option '--loud'/],
    [[], /Usage/],
  ])('exit with 2 on %j', async (args, text) => {
    const { code, stderr } = await cli(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(text);
  });
});

describe('bench', () => {
  it('times every engine at a shape', async () => {
    const { code, stdout } = await cli('bench', '--shape', '2,2,16,8', '--json');
    const { shape, engines } = JSON.parse(stdout);
    expect([code, shape]).toEqual([0, [2, 2, 16, 8]]);
    expect(engines[0]).toMatchObject({ name: 'wasm, simd, 1 thread', ratio: 1 });
    expect(engines[0].milliseconds).toBeGreaterThan(0);
    expect(engines[0].maxAbsError).toBeGreaterThan(0);
    expect(engines[0].maxAbsError).toBeLessThan(1e-5);
    expect((await cli('bench', '--shape', '2,2')).stderr).toMatch(/--shape expected B,H,L,D/);
  });

  it('times no engine that is wrong', async () => {
    const create: typeof createWindowAttention = async (options) => {
      const attention = await createWindowAttention(options);
      return { ...attention, forward: (args, o) => attention.forward({ ...args, v: args.k }, o) };
    };
    await expect(bench('2,2,16,8', create)).rejects.toThrow(
      /^wasm, simd, 1 thread expected an error of at most .*nothing is timed/,
    );
  });
});

describe('info', () => {
  it('says what would run, as text and as JSON', async () => {
    expect((await cli('info')).stdout).toMatch(/^backend: wasm$/m);
    expect(JSON.parse((await cli('info', '--json')).stdout)).toMatchObject({ simd: true, backend: 'wasm' });
  });

  it.each([
    ['--version', /^\d+\.\d+\.\d+$/m],
    ['--help', /Usage: flash-window-attention/],
  ])('knows %s', async (flag, text) => {
    const { code, stdout } = await cli(flag);
    expect([code, text.test(stdout)]).toEqual([0, true]);
  });
});
