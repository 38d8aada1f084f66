// npm run test:types: packs the package, installs the tarball, and type-checks against it, strictly and without
// skipLibCheck: every entry alone where the language's own types are all that there is, and expressions.ts.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const project = mkdtempSync(join(tmpdir(), 'flash-window-attention-types-'));

try {
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', project];
  const [{ filename }] = JSON.parse(execFileSync('npm', packing, { cwd: root, encoding: 'utf8' }));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  execFileSync('npm', ['install', '--no-audit', '--no-fund', join(project, filename)], { cwd: project });
  const installed = createRequire(join(project, 'x.js'))('flash-window-attention/package.json');

  for (const [entry, { types }] of Object.entries(installed.exports)) {
    if (!types) continue;
    const name = entry.replace('.', 'flash-window-attention');
    // A program for each: what one brings in by a reference would hide what another lacks.
    writeFileSync(join(project, 'entry.ts'), `export * from '${name}';\n`);
    check(name, 'entry.ts', { lib: ['es2023'], types: [] });
  }
  cpSync(new URL('expressions.ts', import.meta.url), join(project, 'expressions.ts'));
  check('expressions.ts', 'expressions.ts', { lib: ['es2023', 'esnext.disposable'], types: [] });
  // The matcher's types stand beside vitest's, whose own need those of Node and of other packages.
  symlinkSync(join(root, 'node_modules/vitest'), join(project, 'node_modules/vitest'));
  cpSync(new URL('matcher.ts', import.meta.url), join(project, 'matcher.ts'));
  check('matcher.ts', 'matcher.ts', { lib: ['es2023', 'dom'], types: [], skipLibCheck: true });
} finally {
  rmSync(project, { recursive: true });
}

/** @throws Error with the compiler's output where a file does not compile. */
function check(name, file, options) {
  const compilerOptions = { strict: true, noEmit: true, target: 'es2022', module: 'nodenext', ...options };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
  try {
    execFileSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' });
  } catch ({ stdout }) {
    throw new Error(`${name} does not type-check:\n${stdout}`);
  }
  console.log(`${name} type-checks`);
}
