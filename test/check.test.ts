import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckOptions, check } from '../src/cli/check.js';
import { CHECK_REPORTS } from '../src/cli/checkReports.js';
import { writeNpy } from '../src/cli/npy.js';
import { answerOracleCall } from '../src/cli/oracleService.js';
import { writeTensors } from '../src/cli/tensorFiles.js';
import { writeWhole } from '../src/cli/writeFile.js';
import { shiftedWindowAttention, windowAttention, windowAttentionBackward } from '../src/reference/index.js';
import { readSafetensors, writeSafetensors } from '../src/safetensors/index.js';
import { numberToFloat16 } from '../src/tensor/half.js';
import { float32Tensor, float64Tensor, type Tensor, type TensorLike } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { goldenFile } from './support/golden.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'check-'));
});
afterAll(() => rm(directory, { recursive: true }));

let files = 0;
async function saved(
  tensors: Record<string, TensorLike>,
  metadata: Record<string, string> = {},
  ending = 'safetensors',
): Promise<string> {
  const path = join(directory, `${files++}.${ending}`);
  if (ending === 'safetensors') await writeFile(path, writeSafetensors(tensors, metadata));
  else await writeTensors(path, tensors, metadata);
  return path;
}

/** A zip of .npy files as NumPy's savez writes it, bytes given or tensors. */
async function savez(entries: Record<string, TensorLike | Uint8Array>, level: 0 | 6 = 0): Promise<string> {
  const bytes = Object.entries(entries).map(
    ([name, value]) => [`${name}.npy`, value instanceof Uint8Array ? value : writeNpy(name, value)] as const,
  );
  const path = join(directory, `${files++}.npz`);
  await writeFile(path, zipSync(Object.fromEntries(bytes), { level }));
  return path;
}

const next = randomNumbers(77);
const random = (...dims: number[]) => randomTensor(dims, next);
const inputs = { q: random(4, 2, 5, 3), k: random(4, 2, 5, 3), v: random(4, 2, 5, 3) };
const stored = ({ dims, data }: Tensor) => float32Tensor(dims, Float32Array.from(data as Float64Array));
const right = stored(windowAttention(inputs).o);
const scaled = stored(windowAttention({ ...inputs, scale: 0.25 }).o);
const prefixed = (name: string, tensors: Record<string, TensorLike>) =>
  Object.fromEntries(Object.entries(tensors).map(([key, value]) => [`${name}.${key}`, value]));
const passes = async (path: string, options: CheckOptions = {}) => (await check(path, undefined, options)).pass;

describe('a pass means that all was there and judged', () => {
  const two = { ...prefixed('one', { ...inputs, o: right }), ...prefixed('two', inputs) };
  it.each([
    ['a case without outputs', two, /case "two" has no outputs/],
    [
      'outputs of no case',
      { ...two, 'tow.o': right },
      /case "two" has no outputs: did you mean "tow"\?.*outputs of case "tow" belong to no case: did you mean "two"\?/,
    ],
    ['a misspelt gradient', { ...inputs, o: right, dq: right }, /unknown tensor "dq": did you mean dQ\?/],
    [
      'a mask under another name',
      { ...inputs, o: right, attn_mask: random(1, 5, 5) },
      /unknown tensor "attn_mask": did you mean mask\?/,
    ],
    ['a logit scale under another name', { ...inputs, o: right, logit_scale: random(2) }, /did you mean logitScale\?/],
    ['a tensor of an unknown name', { ...inputs, o: right, zeta: right }, /unknown tensor "zeta"/],
    ['gradients absent beside dO', { ...inputs, dO: right, o: right, dQ: right }, /has dO and lacks dK, dV/],
  ])('%s is none', async (_, tensors, text) => {
    const path = await saved(tensors);
    await expect(check(path, undefined, {})).rejects.toThrow(text);
    const isUnnamed = 'o' in tensors;
    const result = await check(path, undefined, { allowMissing: true });
    expect(Object.keys(result.cases[0]?.tensors ?? {})[0]).toBe('o');
    expect(result.cases.length).toBe(1);
    expect(isUnnamed || result.pass).toBe(true);
  });

  it('asks for what --require names', async () => {
    const path = await saved({ ...inputs, o: right });
    await expect(check(path, undefined, { require: ['o', 'lse'] })).rejects.toThrow(
      /lacks lse, which --require asks for/,
    );
    expect(await passes(path, { require: ['o'] })).toBe(true);
  });
});

describe('parameters', () => {
  it.each([
    ['a tensor of one number', { scale: float64Tensor([], Float64Array.of(0.25)) }],
    ['float16', { scale: { data: Uint16Array.of(numberToFloat16(0.25)), dims: [1], type: 'float16' } }],
  ])('scale as %s counts, in either format, with a prefix or not', async (_, scale) => {
    const tensors = { ...inputs, ...scale, o: scaled };
    expect(await passes(await saved(tensors))).toBe(true);
    expect(await passes(await saved(prefixed('a', tensors)))).toBe(true);
    expect(await passes(await savez(tensors))).toBe(true);
    expect(await passes(await savez(prefixed('a', tensors), 6))).toBe(true);
    expect(await passes(await savez({ ...tensors, o: right }))).toBe(false);
  });

  it('scale as an integer counts', async () => {
    const scale = { data: Int32Array.of(2), dims: [], type: 'int32' };
    expect(await passes(await savez({ ...inputs, scale, o: stored(windowAttention({ ...inputs, scale: 2 }).o) }))).toBe(
      true,
    );
  });

  it.each([
    ['NaN', { scale: float64Tensor([], Float64Array.of(Number.NaN)) }, {}, /scale expected finite numbers, got NaN/],
    ['empty', { scale: float64Tensor([0], new Float64Array(0)) }, {}, /scale expected one number, got 0/],
    ['NaN in the metadata', {}, { scale: 'NaN' }, /expected to be a finite number, got "NaN"/],
    ['empty in the metadata', {}, { scale: '' }, /expected to be a finite number/],
    [
      'null in the list of cases',
      {},
      { cases: '[{"name":"","scale":null}]' },
      /expected to be a finite number, got null/,
    ],
  ])('a scale that is %s is no default', async (_, tensors, metadata, text) => {
    const path = await saved({ ...inputs, ...tensors, o: right }, metadata as unknown as Record<string, string>);
    await expect(check(path, undefined, {})).rejects.toThrow(text);
  });

  it('axes of one that frameworks have, and boolean masks, are read', async () => {
    const bias = random(2, 5, 5);
    const seen = Float64Array.from({ length: 50 }, (_, at) => (at % 7 === 3 ? 0 : 1));
    const mask = float64Tensor(
      [2, 5, 5],
      seen.map((x) => (x === 0 ? Number.NEGATIVE_INFINITY : 0)),
    );
    const o = stored(windowAttention({ ...inputs, bias, mask }).o);
    const framework = {
      bias: { ...bias, dims: [1, 2, 5, 5] },
      mask: { data: Uint8Array.from(seen), dims: [2, 1, 5, 5], type: 'bool' },
    };
    expect(await passes(await savez({ ...inputs, ...framework, o }))).toBe(true);
    expect(await passes(await saved({ ...inputs, ...framework, o }))).toBe(true);
  });
});

describe('.npz', () => {
  const entries = { ...inputs, o: right };

  it('of one flipped bit is refused, wherever it is in the data', async () => {
    const path = await savez(entries);
    const bytes = await readFile(path);
    for (let i = 0; i < 20; i++) {
      const damaged = Uint8Array.from(bytes);
      const at = 40 + 28 * i;
      damaged[at] = (damaged[at] as number) ^ (1 << (i % 8));
      await writeFile(path, damaged);
      await expect(check(path, undefined, {})).rejects.toThrow(/npz/);
    }
  });

  it('with a name twice is refused', async () => {
    const path = await savez({ ...entries, p: right });
    const text = (await readFile(path)).toString('latin1').replaceAll('p.npy', 'o.npy');
    await writeFile(path, text, 'latin1');
    await expect(check(path, undefined, {})).rejects.toThrow(/o\.npy expected once, got twice/);
  });

  it('is read in other orders of bytes and axes, past arrays of other types', async () => {
    const header = (descr: string, order: string, shape: string) => {
      const text = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': (${shape}), }`.padEnd(117);
      return Buffer.from(`\x93NUMPY\x01\x00\x76\x00${text}\n`, 'latin1');
    };
    const big = Buffer.alloc(right.data.byteLength);
    for (const [at, x] of right.data.entries()) big.writeFloatBE(x, 4 * at);
    const columns = new Float32Array(right.data.length);
    inputs.q.data.forEach((x, at) => {
      const [b, h, i, d] = [Math.floor(at / 30), Math.floor(at / 15) % 2, Math.floor(at / 3) % 5, at % 3];
      columns[b + 4 * (h + 2 * (i + 5 * d))] = x;
    });
    const path = await savez({
      ...inputs,
      q: Buffer.concat([header("'<f4'", 'True', '4, 2, 5, 3'), Buffer.from(columns.buffer)]),
      o: Buffer.concat([header("'>f4'", 'False', '4, 2, 5, 3'), big]),
      names: Buffer.concat([header("'<U3'", 'False', '1,'), Buffer.alloc(12)]),
      records: Buffer.concat([header("[('a', '<f4')]", 'False', '1,'), Buffer.alloc(4)]),
      step: { data: BigInt64Array.of(7n), dims: [], type: 'int64' },
    });
    expect(await passes(path)).toBe(true);
  });

  it('carries bfloat16 as ml_dtypes writes it', async () => {
    const half = ({ dims, data }: Tensor<Float32Array>) => ({
      data: Uint16Array.from(new Uint16Array(data.buffer).filter((_, i) => i % 2 === 1)),
      dims,
      type: 'bfloat16',
    });
    const halves = { q: half(inputs.q), k: half(inputs.k), v: half(inputs.v) };
    const path = await savez({ ...halves, o: half(stored(windowAttention(halves).o)) });
    expect((await readFile(path)).includes("'descr': '|V2'")).toBe(true);
    expect(await passes(path, { dtype: 'bfloat16' })).toBe(true);
  });
});

describe('images of a file', () => {
  it('are judged by their parameters', async () => {
    const qkv = random(2, 5, 7, 12);
    const relativePositionBias = random(2, 6, 6);
    const options = { numHeads: 2, windowSize: [2, 3] as const, shiftSize: [1, 1] as const };
    const o = stored(shiftedWindowAttention({ qkv, relativePositionBias, ...options }));
    const cases = JSON.stringify([{ name: 'image', ...options }]);
    const tensors = prefixed('image', { qkv, relativePositionBias, o });
    expect(await passes(await saved(tensors, { cases }))).toBe(true);
    expect(await passes(await saved(tensors, { cases: cases.replace('[1,1]', '[1,2]') }))).toBe(false);
    const arrays = {
      numHeads: { data: Int32Array.of(2), dims: [], type: 'int32' },
      windowSize: { data: Int32Array.of(2, 3), dims: [2], type: 'int32' },
      shiftSize: { data: Int32Array.of(1), dims: [], type: 'int32' },
    };
    expect(await passes(await savez({ qkv, relativePositionBias, ...arrays, o }))).toBe(true);
    const unshifted = stored(shiftedWindowAttention({ qkv, relativePositionBias, ...options, shiftSize: 0 }));
    const wrong = await check(await saved({ ...tensors, 'image.o': unshifted }, { cases }), undefined, {});
    expect(wrong.cases[0]?.diagnosis?.o?.[0]?.name).toMatch(/shift/);
  });
});

describe('what fails is explained under its tensor', () => {
  const { tensors, metadata } = goldenFile('mutants');
  const tf32 = (...names: string[]) =>
    Object.fromEntries(names.map((name) => [name.split('.').pop() as string, tensors[`tf32.${name}`] as Tensor]));
  const scale = Number(metadata.scale);
  const given = tf32('q', 'k', 'v', 'bias', 'mask', 'dO');
  const gradients = ['dQ', 'dK', 'dV', 'dBias'].map((name) => `g.scale_missing.${name}`);
  const outputs = { ...tf32(...gradients), o: tensors['tf32.o.right'] as Tensor };
  const lse = tensors['tf32.lse.lse_base_2'] as Tensor;

  it('by check and its report', async () => {
    const path = await saved({ ...given, ...outputs, lse }, { scale: String(scale) });
    const result = await check(path, undefined, { dtype: 'tf32' });
    const { diagnosis = {} } = result.cases[0] ?? {};
    const first = Object.entries(diagnosis).map(([name, hypotheses]) => [name, hypotheses[0]?.name]);
    expect(Object.fromEntries(first)).toEqual({ lse: 'lse_base_2', dQ: 'scale_missing', dK: 'scale_missing' });
    const lines = (CHECK_REPORTS.text?.(result) ?? '').split('\n');
    const explanations = lines.filter((line) => / (lse_base_2|scale_missing): /.test(line));
    const above = explanations.map((line) => {
      const verdict = lines.slice(0, lines.indexOf(line)).findLast((text) => /^(FAIL|pass|warn) /.test(text));
      return verdict?.split(/\s+/)[1];
    });
    expect(new Set(above)).toEqual(new Set(['lse', 'dQ', 'dK']));
  });

  it('by the service that other languages call', () => {
    const sent = Object.fromEntries([
      ...Object.entries(given).map(([name, tensor]) => [`inputs.${name}`, tensor] as const),
      ...Object.entries({ ...outputs, lse }).map(([name, tensor]) => [`outputs.${name}`, tensor] as const),
    ]);
    const ask = (method: string) => {
      const request = JSON.stringify({ method, inputs: { scale }, options: { dtype: 'tf32' } });
      return JSON.parse(readSafetensors(answerOracleCall(writeSafetensors(sent, { request }))).metadata.response ?? '');
    };
    const { result } = ask('checkAndDiagnose');
    for (const name of ['lse_base_2: ', 'scale_missing: ']) expect(result.text).toContain(name);
    expect(ask('diagnose').result.dQ[0].name).toBe('scale_missing');
  });
});

describe('more of a check', () => {
  it('says which outputs two runs do not share', async () => {
    const dO = random(4, 2, 5, 3);
    const { dQ, dK, dV } = windowAttentionBackward({ ...inputs, dO });
    const all = { ...inputs, dO, o: right, dQ: stored(dQ), dK: stored(dK), dV: stored(dV) };
    const other = stored(dQ);
    other.data[7] = Math.fround((other.data[7] as number) * (1 + 2 ** -23));
    const path = await saved(all);
    const differing = await check(path, undefined, { repeat: await saved({ ...all, dQ: other }) });
    expect([differing.pass, differing.cases[0]?.pass, differing.cases[0]?.notDeterministic]).toEqual([
      false,
      true,
      ['dQ'],
    ]);
    expect(CHECK_REPORTS.text?.(differing)).toMatch(/not deterministic: dQ/);
    expect((await check(path, undefined, { repeat: path })).pass).toBe(true);
  });

  it('judges a sample of windows, drawn by its seed', async () => {
    const wrong = float32Tensor(right.dims, right.data.slice());
    wrong.data[35] = 9;
    const path = await saved({ ...inputs, o: wrong });
    const seeds = Array.from({ length: 12 }, (_, seed) => seed);
    const verdicts = await Promise.all(seeds.map((seed) => passes(path, { sample: 2, seed })));
    expect(new Set(verdicts)).toEqual(new Set([true, false]));
    const again = await Promise.all(seeds.map((seed) => passes(path, { sample: 2, seed })));
    expect(again).toEqual(verdicts);
    expect(await passes(path, { sample: 9 })).toBe(false);
  });

  it('draws one map a case', async () => {
    const own = await mkdtemp(join(directory, 'maps-'));
    const path = await saved({
      ...prefixed('a', { ...inputs, o: right }),
      ...prefixed('b/c', { ...inputs, o: right }),
    });
    await check(path, undefined, { map: join(own, 'map.svg') });
    expect((await readdir(own)).sort()).toEqual(['map.a.svg', 'map.b_c.svg']);
  });

  it('leaves what a failed write was to replace', async () => {
    const own = await mkdtemp(join(directory, 'whole-'));
    await expect(writeWhole(join(own, 'none/file'), 'x')).rejects.toThrow(/ENOENT/);
    await writeWhole(join(own, 'file'), 'old');
    await expect(writeWhole(join(own, 'file'), 5 as never)).rejects.toThrow();
    expect([await readdir(own), await readFile(join(own, 'file'), 'utf8')]).toEqual([['file'], 'old']);
  });

  it('escapes what names may hold', async () => {
    const name = '\u001b[31m<a>&"|`x`\n';
    const report = await check(await saved(prefixed(name, { ...inputs, o: scaled })), undefined, {});
    const [text, markdown, junit] = [CHECK_REPORTS.text, CHECK_REPORTS.markdown, CHECK_REPORTS.junit].map(
      (format) => format?.(report) ?? '',
    );
    expect(text).toContain('FAIL  \\x1b[31m<a>&"|`x`\\x0a.o');
    expect(markdown).toContain('| \\\\x1b\\[31m\\<a\\>&"\\|\\`x\\`');
    expect(junit).toContain('classname="\\x1b[31m&lt;a&gt;&amp;&quot;|`x`');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there.
    for (const format of [text, markdown, junit]) expect(format).not.toMatch(/\u001b/);
  });
});
