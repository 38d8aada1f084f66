import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { knownFaultList } from './plugins/knownFaultList.js';
import { playgroundFiles } from './plugins/staticFiles.js';

// Where a host sets these headers, the service worker need not.
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Deployable to any path of any static host.
  base: './',
  plugins: [playgroundFiles()],
  worker: { format: 'es', plugins: () => [knownFaultList()] },
  // The graphs of the benchmarks lie outside of this folder, their one dependency in it.
  resolve: { alias: { protobufjs: fileURLToPath(new URL('node_modules/protobufjs', import.meta.url)) } },
  build: { target: 'es2022', modulePreload: { polyfill: false }, chunkSizeWarningLimit: 200 },
  server: { headers },
});
