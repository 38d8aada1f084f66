import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type CodeBlock, ROOT } from './markdown.js';

const GIVEN = 'given.ts';

/** A sample in TypeScript, in the folder that it runs in. */
export interface TypeScriptSample {
  readonly block: CodeBlock;
  readonly path: string;
}

/**
 * Compiles samples against the built types, under the repository's own options, and writes them as JavaScript beside
 * themselves; `base` holds `folders`. Names that a sample does not define come from test/docs/given.ts. Returns what is
 * wrong, each at its line. A process of its own compiles: vitest hears nothing from a thread that is busy for long.
 */
export async function compileSamples(
  samples: readonly TypeScriptSample[],
  folders: readonly string[],
  base: string,
): Promise<string[]> {
  const given = readFileSync(join(ROOT, 'test/docs', GIVEN), 'utf8');
  const offered = definedIn(given.replace(/^(?!export ).*$/gm, ''));
  for (const folder of folders) writeFileSync(join(folder, GIVEN), given);
  for (const { block, path } of samples) {
    const own = definedIn(block.text);
    const names = offered.filter((name) => !own.includes(name) && new RegExp(`\\b${name}\\b`).test(block.text));
    // In the first line, so that the others keep their numbers.
    const start = names.length > 0 ? `import { ${names.join(', ')} } from './given.js'; ` : 'export {}; ';
    writeFileSync(path, `${start}${block.text}\n`);
  }
  const config = join(base, 'tsconfig.json');
  const compilerOptions = {
    noEmit: false,
    allowJs: false,
    checkJs: false,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
  };
  const files = [...folders.map((folder) => join(folder, GIVEN)), ...samples.map(({ path }) => path)];
  writeFileSync(config, JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), compilerOptions, files, include: [] }));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const printed = await new Promise<string>((resolve) => {
    execFile(process.execPath, [tsc, '-p', config, '--pretty', 'false'], { cwd: base }, (error, stdout, stderr) => {
      resolve(stdout + stderr + (error && stdout === '' ? error.message : ''));
    });
  });
  const places = new Map(samples.map(({ block, path }) => [basename(path), block.at]));
  return printed
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.replace(/^\S*?([\w.-]+\.ts)/, (path, name: string) => places.get(name) ?? path));
}

/** The names that a module defines or imports. */
function definedIn(text: string): string[] {
  const statements = [...text.matchAll(/^(?:export )?(?:const|let|import(?: type)?) (?:\{([^}]*)\}|(\w+))/gm)];
  return statements.flatMap(([, several, one]) =>
    several ? several.split(',').map((name) => name.replace(/^\s*type |.*( as |:)/g, '').trim()) : [one as string],
  );
}
