import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { type CodeBlock, ROOT } from './markdown.js';

/** TypeScript's codes for a name that is not defined, alone and in a shorthand property. */
const UNDEFINED = [2304, 2552, 18004];
const GIVEN = 'given.ts';

/** A sample in TypeScript, in the folder that it runs in. */
export interface TypeScriptSample {
  readonly block: CodeBlock;
  readonly path: string;
}

/**
 * Compiles samples against the built types, under the repository's own options, and writes them as JavaScript beside
 * themselves. Names that a sample does not define come from test/docs/given.ts. Returns what is wrong, each at its line.
 */
export function compileSamples(samples: readonly TypeScriptSample[], folders: readonly string[]): string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  Object.assign(options, { typeRoots: [join(ROOT, 'node_modules/@types')], allowJs: false, checkJs: false });
  const given = readFileSync(join(ROOT, 'test/docs', GIVEN), 'utf8');
  const offered = [...given.matchAll(/export const (?:\{([^}]*)\}|(\w+))/g)].flatMap(([, several, one]) =>
    several ? several.split(',').map((name) => name.trim()) : [one as string],
  );
  for (const folder of folders) {
    writeFileSync(join(folder, GIVEN), given);
    writeJavaScript(join(folder, GIVEN), given);
  }
  const write = (path: string, names: readonly string[], { text }: CodeBlock) =>
    // In the first line, so that the others keep their numbers.
    writeFileSync(
      path,
      `${names.length > 0 ? `import { ${names.join(', ')} } from './given.js'; ` : 'export {}; '}${text}\n`,
    );
  for (const { block, path } of samples) write(path, [], block);

  const paths = samples.map(({ path }) => path);
  const first = ts.createProgram(paths, options);
  for (const { block, path } of samples) {
    const file = first.getSourceFile(path);
    const missing = first
      .getSemanticDiagnostics(file)
      .filter(({ code }) => UNDEFINED.includes(code))
      .map(({ start = 0, length = 0 }) => file?.text.slice(start, start + length) ?? '');
    write(
      path,
      [...new Set(missing)].filter((name) => offered.includes(name)),
      block,
    );
  }

  const program = ts.createProgram(paths, options, undefined, first);
  return samples.flatMap(({ block, path }) => {
    const file = program.getSourceFile(path) as ts.SourceFile;
    writeJavaScript(path, file.text);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ messageText, start = 0 }) =>
        `${block.at}, line ${file.getLineAndCharacterOfPosition(start).line + 1} of the sample: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
  });
}

function writeJavaScript(path: string, text: string): void {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  writeFileSync(path.replace(/\.ts$/, '.js'), outputText);
}
