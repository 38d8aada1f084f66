import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryBytes } from '../src/cli/bytes.js';
import { openNpy, writeNpy } from '../src/cli/npy.js';
import { openTensors, writeTensors } from '../src/cli/tensorFiles.js';
import { vectors } from '../src/cli/vectors.js';
import { createWindowAttention } from '../src/index.js';
import { type CaseInputs, checkCase, makeVectors, VECTOR_KINDS, type VectorOptions } from '../src/oracle/index.js';
import { writeSafetensors } from '../src/safetensors/index.js';
import { float32Tensor, type Tensor } from '../src/tensor/tensor.js';

const ALL = { bias: true, nW: 2, backward: true } as const;

describe('makeVectors', () => {
  it('makes the same bits on every machine', () => {
    const bytes = writeSafetensors(makeVectors({ shape: [4, 2, 9, 5], ...ALL, seed: 7 }));
    expect(createHash('sha256').update(bytes).digest('hex').slice(0, 16)).toBe('3500e4515214824e');
  });

  it('gives what is asked for, another thing for another seed', () => {
    const tensors = makeVectors({ shape: [4, 2, 9, 5], ...ALL, cosine: true, dtype: 'bfloat16' });
    expect(Object.entries(tensors).map(([name, { dims, type }]) => `${name} ${dims} ${type}`)).toEqual([
      'q 4,2,9,5 bfloat16',
      'k 4,2,9,5 bfloat16',
      'v 4,2,9,5 bfloat16',
      'bias 2,9,9 bfloat16',
      'mask 2,9,9 bfloat16',
      'logitScale 2 bfloat16',
      'dO 4,2,9,5 bfloat16',
    ]);
    expect(makeVectors({ shape: [1, 1, 2, 2], seed: 1 })).not.toEqual(makeVectors({ shape: [1, 1, 2, 2], seed: 2 }));
  });

  it.each(VECTOR_KINDS)('makes %s numbers that the engine gets right', async (kind) => {
    const inputs = makeVectors({ shape: [6, 2, 17, 11], ...ALL, kind }) as unknown as CaseInputs & { dO: Tensor };
    const attention = await createWindowAttention();
    const { dO, ...forward } = inputs;
    const outputs = { ...(await attention.forward(forward, { lse: true })), ...(await attention.backward(inputs)) };
    const report = checkCase(inputs, kind === 'extreme' ? { o: outputs.o, lse: outputs.lse } : outputs);
    expect(Object.entries(report.tensors).filter(([, { pass }]) => !pass)).toEqual([]);
    await attention.dispose();
  });

  it.each([
    [{ shape: [1, 2, 3] }, /"shape" expected \[B, H, L, D\]/],
    [{ shape: [1, 2, 3, 0] }, /"shape\[3\]" expected an integer ≥ 1, got 0/],
    [{ shape: [3, 1, 1, 1], nW: 2 }, /"nW" expected a divisor of B = 3, got 2/],
    [{ shape: [1, 1, 1, 1], kind: 'nice' }, /"kind" expected one of/],
    [{ shape: [1, 1, 1, 1], dtype: 'int8' }, /"dtype" expected one of/],
    [{ shape: [1, 1, 1, 1], backwards: true }, /"options" expected only .*, got "backwards": did you mean backward\?/],
    [{ shape: [1, 1, 1, 1], mask: 4 }, /"options" expected only shape, .*, got "mask"$/],
    [
      { shape: [2 ** 20, 64, 64, 64] },
      /"shape" expected tensors of at most 2147483647 elements, got a tensor of \[1048576, 64, 64, 64\]/,
    ],
    [
      { shape: [1, 1, 2 ** 20, 1], bias: true },
      /"shape" expected tensors of at most .*, got a tensor of \[1, 1048576, 1048576\]/,
    ],
    [{ shape: [1e9, 1, 1, 1] }, /"shape" expected tensors of at most 2147483647 elements in all, got 3000000000/],
  ])('refuses %j', (options, text) => {
    expect(() => makeVectors(options as unknown as VectorOptions)).toThrow(text);
  });
});

describe('.npy and .npz', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vectors-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('keep every tensor', () => {
    const dims = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
    const types = fc.constantFrom('float32', 'float64', 'float16');
    fc.assert(
      fc.property(dims, types, (shape, type) => {
        const length = shape.reduce((product, dim) => product * dim, 1);
        const data = {
          float32: new Float32Array(length),
          float64: new Float64Array(length),
          float16: new Uint16Array(length),
        }[type];
        data.forEach((_, i) => {
          data[i] = i * 3 + 1;
        });
        const tensor = { data, dims: shape, type };
        expect(readNpy('x', writeNpy('x', tensor))).toEqual(tensor);
      }),
    );
  });

  it('write what NumPy wrote, byte for byte', async () => {
    // numpy.save of numpy.arange(3, dtype='float32'), NumPy 2.4.
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
    const expected = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'),
      Buffer.from(`${header.padEnd(117)}\n`),
      Buffer.from(Float32Array.of(0, 1, 2).buffer),
    ]);
    expect(Buffer.from(writeNpy('x', float32Tensor([3], Float32Array.of(0, 1, 2))))).toEqual(expected);
  });

  it.each([
    ['no .npy file', Buffer.from('hello'), /expected to be a .npy file/],
    [
      'too little data',
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4),
      /expected 8 bytes for shape \(2,\), got 4/,
    ],
  ])('refuse %s', (_, bytes, text) => {
    expect(() => readNpy('x.npy', bytes)).toThrow(text);
  });

  it('carry cases there and back, the same bytes every time', async () => {
    const path = join(directory, 'a.npz');
    const options = { output: path, shape: '2,2,5,4', bias: true, backward: true, truth: true };
    await vectors(options);
    const first = await readFile(path);
    await vectors(options);
    expect(await readFile(path)).toEqual(first);
    const { tensors } = openTensors(path);
    const names = ['q', 'k', 'v', 'bias', 'dO', 'o', 'lse', 'dQ', 'dK', 'dV', 'dBias', 'scale'];
    expect([...tensors.keys()]).toEqual(names);
    expect(tensors.get('scale')?.read(0, 1).data).toEqual(Float64Array.of(0.5));
    const one = join(directory, 'o.npy');
    await writeFile(one, writeNpy('o', tensors.get('o')?.read(0, 2) as Tensor));
    expect(openTensors(one).tensors.get('o')?.read(0, 2)).toEqual(tensors.get('o')?.read(0, 2));
    await writeFile(path, 'no zip');
    expect(() => openTensors(path)).toThrow(/expected to be an .npz file/);
    await expect(writeTensors(join(directory, 'a.txt'), {}, {})).rejects.toThrow(/ends in .safetensors or .npz/);
  });
});

function readNpy(name: string, bytes: Uint8Array): Tensor {
  const stored = openNpy(name, memoryBytes(name, bytes));
  if (!stored) throw new RangeError(`${name} holds no numbers`);
  return { ...stored.read(0, stored.dims[0] ?? 1), dims: stored.dims };
}

function npy(header: string, bytes: number): Buffer {
  const start = Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(header.length)}\x00`, 'latin1');
  return Buffer.concat([start, Buffer.from(header), Buffer.alloc(bytes)]);
}
