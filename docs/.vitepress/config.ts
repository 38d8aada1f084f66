// The site: the pages of docs/, and docs/api/, which typedoc makes of the sources. DOCS_BASE is the path that it is served at.
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { repositoryLinks } from './repositoryLinks.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { description, homepage } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Record<string, string>;
const repository = `${homepage}`.replace(/#.*$/, '');
const playground = `${root}demo/dist`;
const icon = readFileSync(`${root}demo/public/icon.svg`).toString('base64');
// The playground lies beside the pages where it was built.
const hasPlayground = existsSync(playground);

export default defineConfig({
  title: 'flash-window-attention',
  description: `${description}`,
  lang: 'en',
  base: process.env.DOCS_BASE ?? '/',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `data:image/svg+xml;base64,${icon}` }]],
  outDir: 'dist',
  cacheDir: 'node_modules/.vitepress',
  rewrites: { 'RELIABILITY.md': 'reliability.md' },
  markdown: { config: (markdown) => repositoryLinks(markdown, root, repository) },
  // An API page's third level is Properties and Parameters, again and again.
  transformPageData(page) {
    if (page.relativePath.startsWith('api/')) page.frontmatter.outline = 2;
  },
  buildEnd({ outDir }) {
    if (hasPlayground) cpSync(playground, `${outDir}/playground`, { recursive: true });
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/start/', activeMatch: '^/(?!api/)' },
      { text: 'API', link: '/api/' },
      ...(hasPlayground ? [{ text: 'Playground', link: '/playground/', target: '_self' }] : []),
    ],
    sidebar: [
      {
        text: 'Getting started',
        items: [
          { text: 'Choose a way in', link: '/start/' },
          { text: 'You write a kernel', link: '/start/kernel' },
          { text: 'You write an application', link: '/start/application' },
          { text: 'You serve at the edge', link: '/start/edge' },
        ],
      },
      {
        text: 'Guide',
        items: [
          { text: 'Window attention explained', link: '/window-attention' },
          { text: 'Calling attention', link: '/attention' },
          { text: 'Models', link: '/models' },
          { text: 'Runtimes', link: '/runtimes' },
        ],
      },
      {
        text: 'Oracle',
        items: [
          { text: 'Judging a kernel', link: '/oracle' },
          { text: 'In CI', link: '/oracle-ci' },
          { text: 'Numbers and tolerances', link: '/numbers' },
          { text: 'What diagnose explains', link: '/diagnosis' },
          { text: "The report's Triton kernels", link: '/triton' },
        ],
      },
      {
        text: 'Evidence',
        items: [
          { text: 'Performance', link: '/performance' },
          { text: 'Where the time goes', link: '/roofline' },
          { text: 'Reliability', link: '/reliability' },
        ],
      },
      {
        text: 'API',
        link: '/api/',
        collapsed: true,
        items: ['', '/reference', '/oracle', '/swin', '/image', '/safetensors', '/pool'].map((entry) => ({
          text: entry || 'flash-window-attention',
          link: `/api/flash-window-attention${entry}`,
        })),
      },
    ],
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
  },
});
