// Debian's Chromium, headless: pages as Vite, webpack, esbuild and no bundler at all make them, under several policies.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import esbuild from 'esbuild';
import { chromium as playwright } from 'playwright-core';
import { build as viteBuild } from 'vite';
import webpack from 'webpack';

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
};
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const policy = (text) => ({ 'content-security-policy': text });
const IMPORT_MAP = `<script type="importmap">${JSON.stringify({
  imports: Object.fromEntries(
    ['', '/safetensors', '/swin'].map((entry) => [
      `flash-window-attention${entry}`,
      `/node_modules/flash-window-attention/build${entry}/index.js`,
    ]),
  ),
})}</script>`;

/** A page for each way to load the package and each policy of the server. */
const PAGES = [
  { name: 'Chromium', loaded: 'no bundler', page: 'plain/index.html', headers: ISOLATED },
  { name: 'Chromium', loaded: 'Vite', page: 'vite/dist/index.html', headers: ISOLATED },
  { name: 'Chromium', loaded: 'webpack', page: 'webpack/index.html', headers: ISOLATED },
  { name: 'Chromium, not isolated', loaded: 'esbuild', page: 'esbuild/index.html', headers: {} },
  {
    name: "Chromium, CSP `script-src 'self' 'wasm-unsafe-eval'`",
    loaded: 'esbuild',
    page: 'esbuild/index.html',
    headers: { ...ISOLATED, ...policy("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'") },
  },
  {
    name: "Chromium, CSP `script-src 'self'`",
    loaded: 'esbuild',
    page: 'esbuild/index.html',
    headers: policy("default-src 'self'; script-src 'self'"),
    forbidsWasm: true,
  },
];

/** A row for each page, with the results of the suite. */
export async function chromium(project, golden) {
  await writePages(project);
  const server = createServer((request, response) => serve(project, golden, request, response));
  await promisify(server.listen.bind(server, 0, '127.0.0.1'))();
  const browser = await playwright.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  });
  try {
    const rows = [];
    for (const [index, row] of PAGES.entries()) {
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(row.name, error));
      await page.goto(`http://127.0.0.1:${server.address().port}/${index}/${row.page}`);
      await page.waitForFunction(() => globalThis.results !== undefined);
      rows.push({ ...row, results: await page.evaluate(() => globalThis.results) });
      await page.close();
    }
    return rows;
  } finally {
    await browser.close();
    server.close();
  }
}

async function writePages(project) {
  const html = (script, head = '') => {
    return `<!doctype html><meta charset="utf-8">${head}<script type="module" src="${script}"></script>`;
  };
  const write = (directory, text) => {
    mkdirSync(join(project, directory), { recursive: true });
    writeFileSync(join(project, directory, 'index.html'), text);
  };
  const entry = join(project, 'page.mjs');
  write('plain', html('../page.mjs', IMPORT_MAP));
  write('vite', html('../page.mjs'));
  await viteBuild({ root: join(project, 'vite'), base: './', logLevel: 'warn' });
  write('esbuild', html('page.js'));
  await esbuild.build({ entryPoints: [entry], bundle: true, format: 'esm', outdir: join(project, 'esbuild') });
  write('webpack', html('main.js'));
  const output = { path: join(project, 'webpack'), filename: 'main.js' };
  const stats = await promisify(webpack)({ mode: 'production', entry, output, performance: false });
  if (stats.hasErrors()) throw new Error(stats.toString());
}

/** Files of the project under /PAGE/, with the headers of that page, and the golden files. */
function serve(project, golden, request, response) {
  const { pathname } = new URL(request.url, 'http://localhost');
  const found = golden.find((path) => pathname.startsWith('/golden/') && path.endsWith(pathname));
  const [, index, path] = /^\/(\d+)(\/.*)$/.exec(pathname) ?? [undefined, undefined, pathname];
  const file = found ?? join(project, normalize(path));
  try {
    const body = readFileSync(file);
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, ...PAGES[index ?? 0].headers }).end(body);
  } catch {
    response.writeHead(404, PAGES[index ?? 0].headers).end();
  }
}
