import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, linksOf, pagesIn, ROOT } from './support/markdown.js';

const FOLDERS = ['', 'docs', 'docs/start', 'python', 'bench/results', 'examples/edge', 'test/golden'];
const pages = FOLDERS.flatMap(pagesIn);
/** typedoc makes them; the site's own build says which of their links are dead. */
const GENERATED = 'docs/api/';

/** What is wrong with a link, or undefined. */
function fault(page: string, href: string): string | undefined {
  if (/^[a-z]+:/.test(href)) return undefined;
  const [path = '', anchor] = decodeURI(href).split('#');
  const target = path === '' ? page : normalize(join(path.startsWith('/') ? 'docs' : dirname(page), path));
  if (target.startsWith(GENERATED)) return undefined;
  if (!existsSync(join(ROOT, target))) return `${page} links to ${href}: no such file`;
  if (anchor === undefined || statSync(join(ROOT, target)).isDirectory() || !target.endsWith('.md')) return undefined;
  return anchorsOf(target).has(anchor) ? undefined : `${page} links to ${href}: no such heading`;
}

describe('links between pages', () => {
  it('are found', () => {
    expect(pages).toEqual(
      expect.arrayContaining(['README.md', 'CHANGELOG.md', 'ARCHITECTURE.md', 'docs/start/kernel.md']),
    );
    expect(linksOf('README.md').length).toBeGreaterThan(5);
    expect(fault('README.md', 'docs/nowhere.md')).toMatch(/no such file/);
    expect(fault('docs/models.md', '../ARCHITECTURE.md#nowhere')).toMatch(/no such heading/);
  });

  it.each(pages)('%s leads to files and headings that exist', (page) => {
    expect(linksOf(page).flatMap((href) => fault(page, href) ?? [])).toEqual([]);
  });

  it('that the home page has are those of pages', () => {
    const links = [...readFileSync(join(ROOT, 'docs/index.md'), 'utf8').matchAll(/link: (\/[\w-/]*)/g)].map(
      ([, link = '']) => link,
    );
    expect(links.length).toBeGreaterThan(3);
    for (const link of links)
      expect(existsSync(join(ROOT, 'docs', link.endsWith('/') ? `${link}index.md` : `${link}.md`)), link).toBe(true);
  });
});
