// Every sample of the README and of docs/: TypeScript is compiled, and a page is run from its beginning in an empty folder.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { compileSamples, type TypeScriptSample } from './support/compileSamples.js';
import { type CodeBlock, codeBlocks, pagesIn, ROOT } from './support/markdown.js';
import { hasPython, LIMIT, makeSampleFolder, missingLines, PYTHON, run, runShell } from './support/samplePage.js';

const pages = ['README.md', ...pagesIn('docs'), ...pagesIn('docs/start')].filter((page) => codeBlocks(page).length > 0);
/** Pages of this repository's own commands, whose samples cannot run in an empty folder. */
const OTHERS = ['CONTRIBUTING.md', 'ARCHITECTURE.md', 'python/README.md'];
const REPOSITORY_COMMAND = /^npm (ci|run|test)\b/m;

const base = mkdtempSync(join(tmpdir(), 'flash-window-attention-docs-'));
afterAll(() => rmSync(base, { recursive: true, force: true, maxRetries: 3 }));
const folderOf = (page: string) => join(base, page.replace(/\W/g, '-'));
const isTypeScript = ({ language }: CodeBlock) => language === 'ts';
const pathOf = (page: string, block: CodeBlock) =>
  join(folderOf(page), block.file ?? `${block.at.replace(/\W/g, '-')}.ts`);

let faults: string[];
let python: boolean;
/** What a block does; returns what it printed. */
async function perform(page: string, block: CodeBlock, next: CodeBlock | undefined): Promise<string> {
  const { at, language, file, text } = block;
  const folder = folderOf(page);
  if (file) writeFileSync(join(folder, file), text);
  if (file && !isTypeScript(block)) return '';
  switch (language) {
    case 'ts':
      return file ? '' : run(at, ['node', pathOf(page, block).replace(/\.ts$/, '.js')], folder);
    case 'sh': {
      if (!REPOSITORY_COMMAND.test(text)) return runShell(at, text, folder);
      const [command] = /npm run \S+$/.exec(text) ?? [];
      return command && next?.isOutput ? runShell(at, command, ROOT) : '';
    }
    default:
      return '';
  }
}

// They are for a POSIX shell.
describe.skipIf(process.platform === 'win32')('samples', () => {
  beforeAll(async () => {
    for (const page of pages) {
      mkdirSync(folderOf(page), { recursive: true });
      makeSampleFolder(folderOf(page));
    }
    const samples = pages.flatMap((page): TypeScriptSample[] =>
      codeBlocks(page).flatMap((block) => (isTypeScript(block) ? [{ block, path: pathOf(page, block) }] : [])),
    );
    faults = await compileSamples(samples, pages.map(folderOf), base);
    python = await hasPython();
    if (python && !existsSync(join(ROOT, 'python/src/flash_window_attention/oracle.mjs'))) {
      execFileSync('node', ['scripts/buildPython.mjs'], { cwd: ROOT });
    }
  }, LIMIT);

  it('in TypeScript compile against the built types', () => {
    expect(faults).toEqual([]);
  });

  it.each(pages)(
    'of %s do what the page says',
    async (page) => {
      const blocks = codeBlocks(page);
      if (!python && blocks.some(({ language, file }) => language === 'python' && file)) {
        console.log(`${page} is not run: ${PYTHON} has no NumPy or no pytest`);
        return;
      }
      let printed = '';
      for (const [i, block] of blocks.entries()) {
        if (block.isOutput)
          expect(missingLines(block, printed), `${block.at} is not what was printed:\n${printed}`).toEqual([]);
        else if (block.isRun) printed = await perform(page, block, blocks[i + 1]);
      }
    },
    LIMIT,
  );

  it('of a service tell its every request why the model did not load', async () => {
    const block = codeBlocks('README.md').find(({ text }) => text.includes('async fetch(')) as CodeBlock;
    const failing = block.text.replace('https://example.com/', 'http://127.0.0.1:9/');
    expect(failing).not.toBe(block.text);
    const { code } = await transform(failing, { loader: 'ts' });
    writeFileSync(join(folderOf('README.md'), 'service.mjs'), code);
    const requests = `import { readFileSync } from 'node:fs';
      import service from './service.mjs';
      const fetch = () =>
        service.fetch(new Request('http://x/', { method: 'POST', body: readFileSync('photo.jpg') })).catch(String);
      for (const answer of [await fetch(), await fetch(), ...(await Promise.all([fetch(), fetch()]))]) console.log(answer);`;
    writeFileSync(join(folderOf('README.md'), 'requests.mjs'), requests);
    const answers = (await run(block.at, ['node', 'requests.mjs'], folderOf('README.md'))).trim().split('\n');
    expect(answers).toEqual(Array(4).fill(expect.stringMatching(/config\.json expected to be fetched, got/)));
  });

  it('in Python parse', async () => {
    if (!python) return;
    for (const { at, text } of [...pages, ...OTHERS]
      .flatMap(codeBlocks)
      .filter(({ language }) => language === 'python')) {
      await run(at, [PYTHON, '-c', 'import sys; compile(sys.argv[1], "sample", "exec")', text], base);
    }
  });

  it('in YAML and JSON parse, and give the action inputs that it has', () => {
    const action = parse(readFileSync(join(ROOT, 'action.yml'), 'utf8'));
    for (const { at, language, text } of pages.flatMap(codeBlocks)) {
      if (language.startsWith('json')) {
        expect(() => JSON.parse(text), at).not.toThrow();
      } else if (language === 'yaml') {
        for (const step of parse(text) as { uses?: string; with?: object }[]) {
          if (!step.uses?.includes('/flash-window-attention@')) continue;
          expect(Object.keys(action.inputs), at).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})));
        }
      }
    }
  });

  it('name scripts that the package has', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const page of [...pages, ...OTHERS]) {
      const text = readFileSync(join(ROOT, page), 'utf8');
      const named = [...text.matchAll(/(?<!--prefix \S+ )\bnpm run ([\w:]+)/g)].map(([, name = '']) => name);
      expect(Object.keys(scripts), page).toEqual(expect.arrayContaining(named));
    }
  });
});

describe('what is printed', () => {
  const output = (text: string) => ({ ...(codeBlocks('README.md')[0] as CodeBlock), text });
  it('is compared line by line, but for times and what … stands for', () => {
    expect(missingLines(output('a 1.50 ms\nc … e'), 'x\na 20 ms!\nb\nc d e')).toEqual([]);
    expect(missingLines(output('b\na'), 'a\nb')).toEqual(['a']);
    expect(missingLines(output('error 1.2'), 'error 1x2')).toEqual(['error 1.2']);
  });
});
