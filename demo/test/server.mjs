import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { preview } from 'vite';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Serves the built page as a host does that sets no header of its own; with a `toggles` parameter, toggles.js in it. */
export async function serve() {
  const server = await preview({
    root: at('..'),
    logLevel: 'error',
    preview: { port: 0, host: '127.0.0.1', headers: {} },
    plugins: [
      {
        name: 'toggles',
        configurePreviewServer({ middlewares }) {
          middlewares.use(addToggles);
        },
      },
    ],
  });
  const { port } = server.httpServer.address();
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

function addToggles(request, response, next) {
  if (!request.url.startsWith('/?') || !new URL(request.url, 'http://localhost').searchParams.has('toggles')) {
    return next();
  }
  const script = `<script type="module">${readFileSync(at('toggles.js'), 'utf8')}</script>`;
  const page = readFileSync(at('../dist/index.html'), 'utf8').replace('</body>', () => `${script}</body>`);
  response.setHeader('content-type', 'text/html');
  response.end(page);
}
