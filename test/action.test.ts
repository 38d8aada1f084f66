import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { makeVectors } from '../src/oracle/index.js';
import { windowAttention } from '../src/reference/index.js';
import { writeSafetensors } from '../src/safetensors/index.js';
import type { Tensor } from '../src/tensor/tensor.js';

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly if?: string;
  readonly shell?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly 'working-directory'?: string;
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const action = parse(readFileSync(join(ROOT, 'action.yml'), 'utf8')) as Action;

let workspace: string;
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), 'action-'));
  mkdirSync(join(workspace, 'runner'));
});
afterEach(() => rmSync(workspace, { recursive: true }));
const path = (name: string) => join(workspace, name);
const read = (name: string) => readFileSync(path(name), 'utf8');

/** Runs the steps of action.yml as GitHub's runner runs a composite action's, until one fails. */
function runAction(inputs: Readonly<Record<string, string>>) {
  for (const name of Object.keys(inputs)) if (!action.inputs[name]) throw new Error(`action.yml has no input ${name}`);
  const evaluated = (expression: string): string => {
    if (expression === 'github.action_path') return ROOT;
    const name = /^inputs\.([\w-]+)$/.exec(expression)?.[1];
    const input = name === undefined ? undefined : action.inputs[name];
    if (name === undefined || !input) throw new Error(`unknown expression ${expression}`);
    return inputs[name] ?? input.default ?? '';
  };
  const filled = (text: string) =>
    text.replace(/\$\{\{ *(.*?) *\}\}/g, (_, expression: string) => evaluated(expression));
  let stdout = '';
  for (const step of action.runs.steps) {
    // A condition on the only action that is used: this machine has a Node.
    if (step.uses) continue;
    // Text of inputs in a script would be run.
    if (/\$\{\{/.test(step.run ?? '')) throw new Error(`an expression in the script of ${step.name}`);
    writeFileSync(path('runner/script.sh'), step.run ?? '');
    const env = Object.fromEntries(Object.entries(step.env ?? {}).map(([name, text]) => [name, filled(text)]));
    const ran = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', path('runner/script.sh')], {
      cwd: resolve(workspace, filled(step['working-directory'] ?? '.')),
      env: {
        ...process.env,
        ...env,
        GITHUB_OUTPUT: path('runner/output'),
        GITHUB_STEP_SUMMARY: path('runner/summary'),
        RUNNER_TEMP: path('runner'),
      },
      encoding: 'utf8',
    });
    stdout += ran.stdout + ran.stderr;
    if (ran.status !== 0) return { code: ran.status, stdout };
  }
  return { code: 0, stdout };
}

/** Writes vectors with the right output, and files of the right output and of a wrong one under another name. */
function writeCase(name: string) {
  const { q, k, v, bias } = makeVectors({ shape: [2, 2, 9, 8], bias: true }) as Record<
    'q' | 'k' | 'v' | 'bias',
    Tensor
  >;
  const float32 = ({ dims, data }: { dims: readonly number[]; data: ArrayLike<number> }) => ({
    dims,
    data: Float32Array.from(data),
  });
  const o = float32(windowAttention({ q, k, v, bias }).o);
  const o_wrong = float32(windowAttention({ q, k, v }).o);
  writeFileSync(path(name), writeSafetensors({ q, k, v, bias, o }));
  writeFileSync(path('wrong.safetensors'), writeSafetensors({ o_wrong }));
  writeFileSync(path('outputs.safetensors'), writeSafetensors({ o }));
}

// GitHub's runner has a bash of its own on Windows, where the one in PATH may be another.
describe.skipIf(process.platform === 'win32')('the action', () => {
  it('runs its own files and the steps of bash alone', () => {
    expect(action.runs.using).toBe('composite');
    const used = action.runs.steps.filter(({ uses }) => uses);
    expect(used.map(({ uses, if: condition }) => [uses, condition])).toEqual([
      [expect.stringMatching(/^actions\/setup-node@[0-9a-f]{40}$/), "steps.node.outputs.found != 'true'"],
    ]);
    for (const { run, shell } of action.runs.steps.filter((step) => step.run)) {
      expect(shell).toBe('bash');
      expect(run).not.toMatch(/\bnpx\b|npm (install|exec)|flash-window-attention/);
    }
  });

  it('passes right outputs, and reports once for the summary and for JUnit', () => {
    writeCase('case.safetensors');
    const { code, stdout } = runAction({ file: 'case.safetensors', junit: 'reports/of/o.xml', map: 'o.svg', case: '' });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^pass {2}o /m)]);
    expect(read('runner/output')).toBe('found=true\n');
    expect(read('runner/summary')).toMatch(/^### Window attention: pass$/m);
    expect(read('reports/of/o.xml')).toMatch(/<testsuite name="case" tests="1" failures="0">/);
    expect(read('o.svg')).toMatch(/^<svg /);
  });

  it('takes outputs of their own file, names with spaces, and a directory to work in', () => {
    mkdirSync(path('sub folder'));
    writeCase('sub folder/a case.safetensors');
    const inputs = { file: 'a case.safetensors', actuals: '../outputs.safetensors', dtype: 'tf32' };
    expect(runAction({ ...inputs, 'working-directory': 'sub folder' }).code).toBe(0);
    expect(runAction(inputs).code).toBe(2);
  });

  it('fails wrong outputs, with the reason in every report', () => {
    writeCase('case.safetensors');
    const { code, stdout } = runAction({
      file: 'case.safetensors',
      actuals: 'wrong.safetensors',
      suffix: '_wrong',
      junit: 'o.xml',
    });
    expect(code).toBe(1);
    for (const report of [stdout, read('runner/summary'), read('o.xml')]) expect(report).toMatch(/bias_ignored/);
    expect(read('runner/summary')).toMatch(/^### Window attention: fail$/m);
  });

  it.each([
    ['nothing', {}, /the input "file" is missing/],
    ['an empty name', { file: '' }, /the input "file" is missing/],
    ['a file that is not there', { file: 'nowhere.npz' }, /nowhere\.npz/],
    ['outputs that are not there', { file: 'case.safetensors', actuals: 'nowhere.npz' }, /nowhere\.npz/],
    ['outputs of other names', { file: 'case.safetensors', suffix: '_triton' }, /_triton|expected tensors o, lse/],
    ['outputs that are required', { file: 'case.safetensors', require: 'o,lse' }, /lse/],
    ['another case', { file: 'case.safetensors', case: 'c9' }, /a case named "c9"/],
    ['an unknown precision', { file: 'case.safetensors', dtype: 'int4' }, /int4/],
  ])('given %s fails without a report, an older one gone', (_, inputs, message) => {
    writeCase('case.safetensors');
    writeFileSync(path('o.xml'), '<testsuites/>');
    const { code, stdout } = runAction({ ...inputs, junit: 'o.xml' });
    expect(code).toBe(2);
    expect(stdout).toMatch(message);
    expect(stdout).toMatch(/^::error::window attention: /m);
    expect(existsSync(path('o.xml'))).toBe(false);
    if ('file' in inputs && inputs.file) expect(read('runner/summary')).toMatch(/^### Window attention: no verdict$/m);
  });

  it('is what the page on CI says to use, at the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const page = readFileSync(join(ROOT, 'docs/oracle-ci.md'), 'utf8');
    const [block] = /```yaml\n(.*?)```/s.exec(page)?.slice(1) ?? [];
    const [step] = parse(block ?? '') as { uses: string; with: Record<string, string> }[];
    expect(step?.uses).toMatch(new RegExp(`/flash-window-attention@v${version.replaceAll('.', '\\.')}$`));
    expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(step?.with ?? {})));
  });

  it('is given inputs that it has by the workflow of this repository', () => {
    const workflow = parse(readFileSync(join(ROOT, '.github/workflows/action.yml'), 'utf8'));
    const steps = (workflow.jobs.check.steps as { uses?: string; with?: object }[]).filter(({ uses }) => uses === './');
    expect(steps.length).toBe(3);
    for (const step of steps) {
      expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})));
    }
  });
});
