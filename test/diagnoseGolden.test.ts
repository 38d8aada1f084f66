import { describe, expect, it } from 'vitest';
import { type CaseActuals, type CaseInputs, diagnose } from '../src/oracle/index.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { goldenCases, goldenFile, tensorOf } from './support/golden.js';

/** Outputs of one planted fault, and what each of those that it makes wrong is to be called. */
interface Planted {
  readonly title: string;
  readonly inputs: CaseInputs;
  readonly actuals: Record<string, Tensor>;
  readonly fault: string;
}

/** Outputs that a fault leaves right. */
const WRONG: Readonly<Record<string, readonly string[]>> = {
  right: [],
  dV_not_transposed: ['dV'],
  dbias_not_summed: ['dBias'],
  delta_missing: ['dQ', 'dK', 'dBias'],
  scale_missing: ['dQ', 'dK'],
  dQ_through_norm_missing: ['dQ'],
  dLogitScale_not_times_scale: ['dLogitScale'],
};

function mutants(): Planted[] {
  const { tensors, metadata } = goldenFile('mutants');
  return ['tf32', 'bfloat16'].flatMap((dtype) => {
    const input = (name: string) => (tensors[`${dtype}.${name}`] ?? tensors[`tf32.${name}`]) as Tensor;
    const inputs = {
      q: input('q'),
      k: input('k'),
      v: input('v'),
      bias: input('bias'),
      mask: input('mask'),
      dO: input('dO'),
      scale: Number(metadata.scale),
    };
    const planted = new Map<string, Planted>();
    for (const [name, tensor] of Object.entries(tensors)) {
      const [type, kind, fault, gradient] = name.split('.');
      if (type !== dtype || fault === undefined) continue;
      const title = `${dtype} ${kind} ${fault}`;
      if (!planted.has(title)) planted.set(title, { title, inputs, actuals: {}, fault });
      (planted.get(title) as Planted).actuals[gradient ?? (kind as string)] = tensor;
    }
    return [...planted.values()];
  });
}

function cosineFaults(): Planted[] {
  return goldenCases('cosineFaults').flatMap((golden) => {
    const [q, k, v, bias, logitScale, dO] = ['q', 'k', 'v', 'bias', 'logitScale', 'dO'].map((name) =>
      tensorOf(golden, name),
    );
    const inputs = { q, k, v, bias, logitScale, dO } as CaseInputs;
    const { faults, gradientFaults } = golden.params as { faults: string[]; gradientFaults: string[] };
    const of = (names: readonly string[], fault: string): Planted => ({
      title: `cosine ${golden.name} ${names[0]} ${fault}`,
      inputs,
      actuals: Object.fromEntries(names.map((name) => [name, tensorOf(golden, `${name}_${fault}`)])),
      fault,
    });
    return [
      ...['right', ...faults].map((fault) => of(['o'], fault)),
      ...['right', ...gradientFaults].map((fault) => of(['dQ', 'dK', 'dV', 'dBias', 'dLogitScale'], fault)),
    ];
  });
}

describe('diagnose', () => {
  it.each([...mutants(), ...cosineFaults()])('explains golden $title', ({ inputs, actuals, fault }) => {
    const diagnoses = diagnose(inputs, actuals as CaseActuals);
    const wrong = WRONG[fault] ?? Object.keys(actuals);
    expect(Object.keys(diagnoses).sort()).toEqual([...wrong].sort());
    for (const hypotheses of Object.values(diagnoses)) {
      expect(hypotheses[0]?.name).toBe(fault);
      expect(hypotheses[0]?.residual).toBeLessThan(0.02);
    }
  });

  it.each(goldenCases('triton'))("names what the report's kernels lack in $name", (golden) => {
    const [q, k, v, bias, dO] = ['q', 'k', 'v', 'bias', 'dO'].map((name) => tensorOf(golden, name));
    const names = ['o', 'dQ', 'dK', 'dV', 'dBias'];
    const actuals = Object.fromEntries(names.map((name) => [name, tensorOf(golden, `${name}_triton`)]));
    const diagnoses = diagnose({ q, k, v, bias, dO } as CaseInputs, actuals);
    expect(Object.entries(diagnoses).map(([name, [first]]) => [name, first?.name])).toEqual([
      ['dQ', 'scale_missing'],
      ['dK', 'scale_missing'],
    ]);
  });
});
