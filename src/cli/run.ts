import { createWindowAttention } from '../attention/createWindowAttention.js';
import { windowAttention } from '../reference/windowAttention.js';
import { windowAttentionBackward } from '../reference/windowAttentionBackward.js';
import type { TensorLike } from '../tensor/tensor.js';
import { inputsOf } from './cases.js';
import { openCases } from './readCases.js';
import { checkOutput, writeTensors } from './tensorFiles.js';
import { UsageError } from './usageError.js';

export interface RunOptions {
  readonly output: string;
  readonly backward?: boolean;
  readonly backend?: 'auto' | 'wasm' | 'typescript';
  readonly threads?: number;
  readonly reference?: boolean;
}

export interface RunResult {
  readonly backend: string;
  readonly cases: readonly {
    readonly name: string;
    readonly tensors: readonly string[];
    readonly milliseconds: number;
  }[];
}

/** Computes every case of a file: `o`, `lse` and, with dO, gradients; written under the names that `check` reads. */
export async function run(input: string, options: RunOptions): Promise<RunResult> {
  checkOutput(options.output);
  const { cases, close } = openCases(input);
  const outputs: Record<string, TensorLike> = {};
  const results: { name: string; tensors: string[]; milliseconds: number }[] = [];
  const attention = await createWindowAttention({ backend: options.backend, threads: options.threads });
  try {
    for (const item of cases) {
      const given = inputsOf(item);
      if (!given) continue;
      const { dO, ...inputs } = given;
      if (options.backward && !dO) throw new UsageError(`${input}: case "${item.name}" has no dO for --backward`);
      const start = performance.now();
      const computed: Record<string, TensorLike> = options.reference
        ? { ...windowAttention(inputs), ...(options.backward && dO && windowAttentionBackward({ ...inputs, dO })) }
        : {
            ...(await attention.forward(inputs, { lse: true })),
            ...(options.backward && dO && (await attention.backward({ ...inputs, dO }))),
          };
      const milliseconds = performance.now() - start;
      for (const [name, tensor] of Object.entries(computed))
        outputs[item.name ? `${item.name}.${name}` : name] = tensor;
      results.push({ name: item.name, tensors: Object.keys(computed), milliseconds });
    }
    if (results.length === 0) throw new UsageError(`${input}: expected tensors q, k and v, got no case that has them`);
  } finally {
    close();
    await attention.dispose();
  }
  const names = JSON.stringify(cases.filter(({ name }) => name).map(({ name, params }) => ({ ...params, name })));
  await writeTensors(options.output, outputs, { cases: names });
  return { backend: options.reference ? 'reference' : attention.backend, cases: results };
}
