import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import GithubSlugger from 'github-slugger';
import { lexer, type Token, walkTokens } from 'marked';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The Markdown files of a folder, without those of the folders in it. */
export const pagesIn = (folder: string) =>
  readdirSync(join(ROOT, folder)).flatMap((name) => (name.endsWith('.md') ? [join(folder, name)] : []));

/**
 * A fenced block of a page. What follows its language says what a test does with it: `[name]` writes it to that file,
 * `output` compares it with what the block above printed, and `no-run: reason` leaves it alone.
 */
export interface CodeBlock {
  /** The page and the line that it begins in, for messages. */
  readonly at: string;
  readonly language: string;
  readonly file: string | undefined;
  readonly isOutput: boolean;
  readonly isRun: boolean;
  readonly text: string;
}

/** The fenced blocks of a page, in their order. @throws Error for a block that says what no test knows. */
export function codeBlocks(page: string): CodeBlock[] {
  const source = readFileSync(join(ROOT, page), 'utf8');
  let from = 0;
  return tokensOf(source).flatMap((token) => {
    if (token.type !== 'code') return [];
    const start = source.indexOf(token.raw.trimEnd(), from);
    from = start + token.raw.length;
    const at = `${page}:${source.slice(0, start).split('\n').length}`;
    const [, language = '', note = ''] = /^(\S*)\s*(.*)$/.exec(token.lang ?? '') ?? [];
    const file = /^\[([\w.]+)\]$/.exec(note)?.[1];
    if (note && !file && note !== 'output' && !/^no-run: ./.test(note)) {
      throw new Error(`${at} says "${note}", expected [file], output or no-run: reason`);
    }
    const isRun = !note.startsWith('no-run');
    return { at, language, file, isOutput: note === 'output', isRun, text: token.text as string };
  });
}

/** The targets of a page's links and pictures. */
export function linksOf(page: string): string[] {
  const tokens = tokensOf(readFileSync(join(ROOT, page), 'utf8'));
  return tokens.flatMap((token) => (token.type === 'link' || token.type === 'image' ? [token.href as string] : []));
}

/** What a link may name behind `#` in a page: its headings, as GitHub spells them. */
export function anchorsOf(page: string): Set<string> {
  const slugger = new GithubSlugger();
  const headings = tokensOf(readFileSync(join(ROOT, page), 'utf8')).filter(({ type }) => type === 'heading');
  return new Set(headings.map((heading) => slugger.slug(plainText(heading))));
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  walkTokens(lexer(source), (token) => {
    tokens.push(token);
  });
  return tokens;
}

function plainText(token: Token): string {
  return 'tokens' in token && token.tokens
    ? token.tokens.map(plainText).join('')
    : ((token as { text?: string }).text ?? '');
}
