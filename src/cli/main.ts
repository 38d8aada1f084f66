#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { PRECISIONS } from '../oracle/precision.js';
import { VECTOR_KINDS } from '../oracle/vectors.js';
import { bench, DEFAULT_SHAPE, formatBench } from './bench.js';
import { check } from './check.js';
import { CHECK_REPORTS } from './checkReports.js';
import { type ClassifiedImage, classify, formatImage } from './classify.js';
import { info } from './info.js';
import { jsonOf } from './json.js';
import { formatQuantized, quantize } from './quantize.js';
import { reportWriter } from './reportFiles.js';
import { run } from './run.js';
import { counted } from './text.js';
import { vectors } from './vectors.js';

const VECTOR_PRECISIONS = ['float32', 'tf32', 'bfloat16', 'float16'];
const PASS = 0;
const MISMATCH = 1;
const UNUSABLE = 2;

const { version, description } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
  description: string;
};

const json = () => new Option('--json', 'print JSON');
const backend = () => new Option('--backend <name>', 'what computes').choices(['auto', 'wasm', 'typescript']);

const program = new Command('flash-window-attention').description(description).version(version).exitOverride();

program
  .command('classify')
  .description('classify PNG, JPEG and WebP images with a Swin model')
  .argument('<image...>', 'images, and directories of them')
  .option('--model <directory>', "a model in Hugging Face's layout (default: the embedded CIFAR-10 classifier)")
  .option('--top <n>', 'labels to print', integer(1), 5)
  .option('--square', 'classify the centre square of each image')
  .option('--max-pixels <n>', 'refuse images of more pixels (default: 100,000,000)', integer(1))
  .option('--verify', 'repeat the attention by the float64 reference and print the largest error')
  .option('--threads <n>', 'threads, 0 for one a core', integer(0))
  .addOption(backend())
  .addOption(json())
  .action(async (paths, options) => {
    const run = await classify(paths, options);
    if (run.assumed) process.stderr.write(`${run.model} has no preprocessor_config.json, assumed: ${run.assumed}\n`);
    const bar = run.count > 1 && process.stderr.isTTY ? new SingleBar({ clearOnComplete: true }) : undefined;
    bar?.start(run.count, 0);
    const images: ClassifiedImage[] = [];
    for await (const result of run.images) {
      bar?.increment();
      if ('error' in result) {
        process.stderr.write(`flash-window-attention: ${result.error}\n`);
        process.exitCode = UNUSABLE;
      } else if (options.json) images.push(result);
      else print(result, () => formatImage(result, run), {});
    }
    bar?.stop();
    const { model, backend, threads } = run;
    if (options.json) print({ model, backend, threads, images }, String, options);
  });

program
  .command('quantize')
  .description('write a model with int8 weights, and say what that costs')
  .argument('<model>', "a directory in Hugging Face's layout, or the URL of one")
  .argument('[image...]', 'images, and directories of them, whose logits are compared')
  .requiredOption('-o, --output <directory>', 'where the model goes')
  .option('--calibrate <path>', 'images, or a directory, whose activations the rounding follows', repeated)
  .option('--square', 'take the centre square of each image')
  .addOption(json())
  .action(async (source, images, options) => print(await quantize(source, images, options), formatQuantized, options));

program
  .command('run')
  .description('compute the attention of every case of a safetensors file')
  .argument('<input>', 'tensors q, k, v, optionally bias, mask, logitScale, dO; or qkv and what belongs to it')
  .requiredOption('-o, --output <file>', 'where o, lse and gradients go')
  .option('--backward', 'gradients too')
  .option('--threads <n>', 'threads, 0 for one a core', integer(0))
  .option('--reference', 'by the float64 reference')
  .option('--allow-unknown', 'leave tensors of unknown names out')
  .addOption(backend())
  .addOption(json())
  .action(async (input, options) => {
    const format = (result: Awaited<ReturnType<typeof run>>) =>
      [
        ...result.cases.map(
          ({ name, tensors, milliseconds }) =>
            `${name || input}: ${tensors.join(' ')} in ${milliseconds.toFixed(1)} ms`,
        ),
        `${options.output}: ${counted(result.cases.length, 'case')} by ${result.backend}`,
      ].join('\n');
    print(await run(input, options), format, options);
  });

program
  .command('check')
  .description("judge a kernel's outputs against the float64 truth")
  .argument('<file>', 'inputs, and outputs where no second file is given')
  .argument('[actuals]', 'outputs o, lse, dQ, dK, dV, dBias, dLogitScale')
  .option('--suffix <text>', 'what follows the names of the outputs, such as _triton')
  .option('--case <name>', 'this case only')
  .option('--require <names>', 'outputs that every case must have, such as o,dQ,dK,dV', list)
  .option('--allow-missing', 'judge what is there: outputs may be missing and names unknown')
  .option('--atol <x>', 'absolute tolerance instead of the rule', tolerance)
  .option('--rtol <x>', 'relative tolerance instead of the rule', tolerance)
  .option('--repeat <file>', 'outputs of a second run, which must have the same bits')
  .option('--sample <n>', 'judge so many windows or images of each case', integer(1))
  .option('--seed <n>', 'of the sample', integer(0), 1)
  .option('--threads <n>', 'threads, 0 for one a core', integer(0))
  .option('--map <file.svg>', 'draw the errors of o, one file a case')
  .option('-o, --output <file>', 'also write the report, .xml (JUnit), .md, .json or .txt; may be repeated', repeated)
  .addOption(new Option('--dtype <name>', 'precision of the kernel').choices(PRECISIONS).default('float32'))
  .addOption(
    new Option('--format <name>', 'form of the report')
      .choices([...Object.keys(CHECK_REPORTS), 'json'])
      .default('text'),
  )
  .addOption(json())
  .action(async (file, actuals, options) => {
    const write = reportWriter(options.output ?? [], [file, actuals, options.repeat]);
    const bar = process.stderr.isTTY
      ? new SingleBar({ clearOnComplete: true, format: '{bar} {percentage}% {name}' })
      : undefined;
    const onProgress = (name: string, done: number, all: number) => {
      if (done === 1) bar?.start(all, 0, { name });
      bar?.update(done);
      if (done === all) bar?.stop();
    };
    const result = await check(file, actuals, {
      ...options,
      threads: options.threads || undefined,
      ...(bar && { onProgress }),
    });
    await write(result);
    const isJson = options.json || options.format === 'json';
    print(result, CHECK_REPORTS[options.format] ?? String, { json: isJson });
    if (!result.pass) process.exitCode = MISMATCH;
  });

program
  .command('vectors')
  .description('make inputs for a kernel, the same on every machine')
  .requiredOption('-o, --output <file>', 'safetensors, or .npz for NumPy')
  .requiredOption('--shape <B,H,L,D>', 'sizes of q, k and v')
  .addOption(new Option('--kind <name>', 'numbers').choices(VECTOR_KINDS).default('random'))
  .option('--bias', 'a bias [H, L, L]')
  .option('--mask <nW>', 'a mask [nW, L, L]', integer(1))
  .option('--cosine', "Swin V2's logitScale [H]")
  .option('--backward', 'dO [B, H, L, D]')
  .option('--truth', 'the float64 outputs too')
  .addOption(new Option('--dtype <name>', 'precision of the kernel').choices(VECTOR_PRECISIONS).default('float32'))
  .option('--seed <n>', 'of the numbers', integer(0), 1)
  .addOption(json())
  .action(async (options) => {
    const format = ({ output, tensors }: Awaited<ReturnType<typeof vectors>>) => {
      const shapes = Object.entries(tensors).map(([name, dims]) => `${name} [${dims.join(', ')}]`);
      return `${output}: ${shapes.join(', ')}`;
    };
    print(await vectors(options), format, options);
  });

program
  .command('bench')
  .description('time the attention on every engine of this machine')
  .option('--shape <B,H,L,D>', 'sizes of q, k and v', DEFAULT_SHAPE)
  .addOption(json())
  .action(async (options) => print(await bench(options.shape), formatBench, options));

program
  .command('info')
  .description('what this machine supports and which backend would run')
  .addOption(json())
  .action(async (options) => {
    const format = (result: object) =>
      Object.entries(result)
        .map(([key, value]) => `${key}: ${value}`)
        .join('\n');
    print(await info(), format, options);
  });

function print<T>(result: T, format: (result: T) => string, options: { readonly json?: boolean }): void {
  process.stdout.write(`${options.json ? jsonOf(result) : format(result)}\n`);
}

function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function list(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

function tolerance(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('expected a number ≥ 0.');
  return value;
}

function integer(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`expected an integer ≥ ${min}.`);
    }
    return value;
  };
}

// A reader that has seen enough closes the pipe; a full disk is worth an error, and neither a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    process.stderr.write(`flash-window-attention: ${error.message}\n`);
    process.exitCode = UNUSABLE;
  }
  process.exit();
});
process.stderr.on('error', () => process.exit());

try {
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed it: help and version are no errors.
    process.exitCode = error.exitCode === 0 ? PASS : UNUSABLE;
  } else {
    process.stderr.write(`flash-window-attention: ${(error as Error).message}\n`);
    process.exitCode = UNUSABLE;
  }
}
