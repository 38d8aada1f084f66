// Pages, dedicated and service workers as Vite, webpack, esbuild and no bundler at all make them, served under several policies.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import esbuild from 'esbuild';
import { createServer as createViteServer, build as viteBuild } from 'vite';
import webpack from 'webpack';

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
};
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const policy = (text) => ({ 'content-security-policy': text });

/** A page for each way to load the package and each policy of the server. */
const PAGES = [
  { name: 'Chromium', loaded: 'no bundler', path: 'plain/index.html', headers: ISOLATED },
  { name: 'Chromium', loaded: 'Vite', path: 'vite/dist/index.html', headers: ISOLATED },
  { name: 'Chromium', loaded: 'webpack', path: 'webpack/index.html', headers: ISOLATED },
  { name: 'Chromium, not isolated', loaded: 'esbuild', path: 'esbuild/index.html', headers: {} },
  {
    name: "Chromium, CSP `script-src 'self' 'wasm-unsafe-eval'`",
    loaded: 'esbuild',
    path: 'esbuild/index.html',
    headers: { ...ISOLATED, ...policy("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'") },
  },
  {
    name: "Chromium, CSP `script-src 'self'`",
    loaded: 'esbuild',
    path: 'esbuild/index.html',
    headers: policy("default-src 'self'; script-src 'self'"),
    forbidsWasm: true,
  },
  { name: 'worker of Chromium', loaded: 'esbuild, one file', path: 'dedicatedWorker/index.html', headers: ISOLATED },
  {
    name: 'service worker of Chromium',
    loaded: 'esbuild, one file',
    path: 'serviceWorker/index.html?worker=serviceWorker.js&type=classic',
    headers: ISOLATED,
  },
  {
    name: 'service worker of Chromium',
    loaded: "no bundle: Vite's development server",
    path: 'serviceWorker/index.html?worker=/serviceWorker.mjs&type=module',
    headers: ISOLATED,
    forbidsImport: true,
  },
  { name: 'Firefox', browser: 'Firefox', loaded: 'no bundler', path: 'plain/index.html', headers: ISOLATED },
  {
    name: 'worker of Firefox',
    browser: 'Firefox alone',
    loaded: 'esbuild, one file',
    path: 'dedicatedWorker/index.html',
    headers: ISOLATED,
  },
  {
    name: 'service worker of Firefox',
    browser: 'Firefox',
    loaded: 'esbuild, one file',
    path: 'serviceWorker/index.html?worker=serviceWorker.js&type=classic',
    headers: ISOLATED,
  },
];

/** The pages with their addresses, until `close`. */
export async function servePages(project, golden) {
  await writePages(project);
  const vite = await createViteServer({
    root: project,
    logLevel: 'warn',
    appType: 'custom',
    server: { middlewareMode: true, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true },
  });
  const server = createServer((request, response) => serve(project, golden, vite, request, response));
  await promisify(server.listen.bind(server, 0, '127.0.0.1'))();
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    pages: PAGES.map((page, index) => ({ browser: 'Chromium', ...page, url: `${origin}/${index}/${page.path}` })),
    async close() {
      server.close();
      await vite.close();
    },
  };
}

async function writePages(project) {
  const html = (script, head = '') => {
    return `<!doctype html><meta charset="utf-8">${head}<script type="module" src="${script}"></script>`;
  };
  const write = (directory, text) => {
    mkdirSync(join(project, directory), { recursive: true });
    writeFileSync(join(project, directory, 'index.html'), text);
  };
  const bundle = (name, directory, format, entryNames = '[name]') =>
    esbuild.build({
      entryPoints: [join(project, name)],
      bundle: true,
      format,
      entryNames,
      outdir: join(project, directory),
    });
  write('plain', html('../page.mjs', importMap(project)));
  write('vite', html('../page.mjs'));
  await viteBuild({ root: join(project, 'vite'), base: './', logLevel: 'warn' });
  write('esbuild', html('page.js'));
  await bundle('page.mjs', 'esbuild', 'esm');
  write('serviceWorker', html('../registers.mjs'));
  await bundle('serviceWorker.mjs', 'serviceWorker', 'iife');
  write('dedicatedWorker', html('../startsWorker.mjs'));
  await bundle('dedicatedWorker.mjs', 'dedicatedWorker', 'iife', 'worker');
  write('webpack', html('main.js'));
  const output = { path: join(project, 'webpack'), filename: 'main.js' };
  const entry = join(project, 'page.mjs');
  const stats = await promisify(webpack)({ mode: 'production', entry, output, performance: false });
  if (stats.hasErrors()) throw new Error(stats.toString());
}

/** The package's entries, and what it imports of itself by the names in its package.json. */
function importMap(project) {
  const directory = 'node_modules/flash-window-attention';
  const manifest = JSON.parse(readFileSync(join(project, directory, 'package.json'), 'utf8'));
  const imports = Object.entries(manifest.imports).map(([name, { default: path }]) => [name, path]);
  for (const entry of ['', '/image', '/safetensors', '/swin']) {
    imports.push([`flash-window-attention${entry}`, manifest.exports[`.${entry}`].default]);
  }
  const urls = Object.fromEntries(imports.map(([name, path]) => [name, join('..', directory, path)]));
  return `<script type="importmap">${JSON.stringify({ imports: urls })}</script>`;
}

/** Files of the project under /PAGE/, with the headers of that page; golden files; what Vite makes of the project. */
function serve(project, golden, vite, request, response) {
  const { pathname } = new URL(request.url, 'http://localhost');
  const [, index, path] = /^\/(\d+)(\/.*)$/.exec(pathname) ?? [];
  const file = index ? join(project, normalize(path)) : golden.find((name) => name.endsWith(pathname));
  for (const [name, value] of Object.entries(PAGES[index ?? 0].headers)) response.setHeader(name, value);
  if (!file) {
    vite.middlewares(request, response, () => response.writeHead(404).end());
    return;
  }
  try {
    const body = readFileSync(file);
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(body);
  } catch {
    response.writeHead(404).end();
  }
}
