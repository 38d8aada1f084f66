import { createWindowAttention } from '../attention/createWindowAttention.js';
import type { WindowAttention } from '../attention/interface.js';
import type { CaseInputs } from '../oracle/checkCase.js';
import type { ImageCaseInputs } from '../oracle/imageCase.js';
import { shiftedWindowAttention } from '../reference/shiftedWindowAttention.js';
import { shiftedWindowAttentionBackward } from '../reference/shiftedWindowAttentionBackward.js';
import { windowAttention } from '../reference/windowAttention.js';
import { windowAttentionBackward } from '../reference/windowAttentionBackward.js';
import type { TensorLike } from '../tensor/tensor.js';
import { type Case, imageInputsOf, inputsOf } from './cases.js';
import { hasInputs, title, unknownNames } from './checkNames.js';
import { checkOutput, TENSOR_FILES } from './outputFile.js';
import { openCases } from './readCases.js';
import { writeTensors } from './tensorFiles.js';
import { UsageError } from './usageError.js';

export interface RunOptions {
  readonly output: string;
  readonly backward?: boolean;
  readonly backend?: 'auto' | 'wasm' | 'typescript';
  readonly threads?: number;
  readonly reference?: boolean;
  /** Compute although tensors have names that are none of an input or output. */
  readonly allowUnknown?: boolean;
}

export interface RunResult {
  readonly backend: string;
  readonly cases: readonly {
    readonly name: string;
    readonly tensors: readonly string[];
    readonly milliseconds: number;
  }[];
}

type Outputs = Readonly<Record<string, TensorLike>>;

/** What computes a case, its gradients where dO is given. */
interface Operations {
  windows(inputs: CaseInputs): Promise<Outputs>;
  images(inputs: ImageCaseInputs): Promise<Outputs>;
}

/**
 * Computes every case of a file: of windows `o`, `lse` and, with dO, gradients, of images `o` and gradients; written under
 * the names that `check` reads.
 */
export async function run(input: string, options: RunOptions): Promise<RunResult> {
  checkOutput('--output', options.output, TENSOR_FILES, [input]);
  const { cases, close } = openCases(input);
  const outputs: Record<string, TensorLike> = {};
  const results: { name: string; tensors: string[]; milliseconds: number }[] = [];
  let attention: WindowAttention | undefined;
  try {
    checkCases(input, cases, options);
    attention = await createWindowAttention({ backend: options.backend, threads: options.threads });
    const operations = options.reference ? referenceOperations : engineOperations(attention);
    const asked = options.backward ? {} : { dO: undefined };
    for (const item of cases) {
      const [images, windows] = [imageInputsOf(item), inputsOf(item)];
      const start = performance.now();
      const computed = images
        ? await operations.images({ ...images, ...asked })
        : await operations.windows({ ...(windows as CaseInputs), ...asked });
      const milliseconds = performance.now() - start;
      for (const [name, tensor] of Object.entries(computed))
        outputs[item.name ? `${item.name}.${name}` : name] = tensor;
      results.push({ name: item.name, tensors: Object.keys(computed), milliseconds });
    }
  } finally {
    close();
    await attention?.dispose();
  }
  const names = JSON.stringify(cases.filter(({ name }) => name).map(({ name, params }) => ({ ...params, name })));
  await writeTensors(options.output, outputs, { cases: names });
  return { backend: options.reference ? 'reference' : attention.backend, cases: results };
}

/** @throws UsageError for a case without its inputs, for misspelt ones, and for none at all: no case is left out silently. */
function checkCases(input: string, cases: readonly Case[], { backward, allowUnknown }: RunOptions): void {
  const problems = cases.flatMap((item) => [
    ...(allowUnknown ? [] : unknownNames(item)).map((text) => ({
      text,
      advice: ' (--allow-unknown leaves such tensors out)',
    })),
    ...incomplete(item, backward).map((text) => ({ text, advice: '' })),
  ]);
  const [first, ...others] = problems;
  if (first !== undefined) {
    const more = others.length > 0 ? `; and ${others.length} more` : '';
    throw new UsageError(`${input}: ${first.text}${more}${first.advice}`);
  }
  if (cases.length === 0) throw new UsageError(`${input}: expected tensors q, k and v, or qkv, got none`);
}

/** What a case lacks. */
function incomplete(item: Case, backward: boolean | undefined): string[] {
  if (!hasInputs(item)) return [`${title(item)} has no inputs q, k and v, or qkv`];
  return backward && !item.tensors.dO ? [`${title(item)} has no dO for --backward`] : [];
}

const referenceOperations: Operations = {
  async windows({ dO, ...args }) {
    return { ...windowAttention(args), ...(dO && windowAttentionBackward({ ...args, dO })) };
  },
  async images({ dO, ...args }) {
    return { o: shiftedWindowAttention(args), ...(dO && shiftedWindowAttentionBackward({ ...args, dO })) };
  },
};

function engineOperations(attention: WindowAttention): Operations {
  return {
    async windows({ dO, ...args }) {
      const { o, lse } = await attention.forward(args, { lse: true });
      return { o, lse, ...(dO && (await attention.backward({ ...args, dO }))) };
    },
    async images({ dO, ...args }) {
      const o: TensorLike = await attention.shiftedWindowAttention(args);
      return { o, ...(dO && (await attention.shiftedWindowAttentionBackward({ ...args, dO }))) };
    },
  };
}
