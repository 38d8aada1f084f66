import { existsSync, statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';

/**
 * Links of pages to files outside of docs/, which the site does not have, lead to the repository.
 * @throws Error where the file is missing.
 */
export function repositoryLinks(markdown: MarkdownRenderer, root: string, repository: string): void {
  markdown.core.ruler.before('linkify', 'repositoryLinks', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' && token.attrGet('href');
      if (!href || !/^\.\.?\//.test(href)) continue;
      const [path = '', anchor] = href.split('#');
      // `path` is the page's own file, `realPath` the one before rewrites.
      const file = resolve(dirname(env.realPath ?? env.path), path);
      const inRepository = relative(root, file);
      if (inRepository.startsWith('docs/')) continue;
      if (!existsSync(file)) throw new Error(`${env.path} links to ${href}, which is missing`);
      const kind = statSync(file).isDirectory() ? 'tree' : 'blob';
      token.attrSet('href', `${repository}/${kind}/main/${inRepository}${anchor ? `#${anchor}` : ''}`);
    }
  });
}
