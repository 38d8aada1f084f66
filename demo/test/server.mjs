import { preview } from 'vite';

/** Serves the built page as a host does that sets no header of its own. */
export async function serve() {
  const root = new URL('..', import.meta.url).pathname;
  const server = await preview({ root, logLevel: 'error', preview: { port: 0, host: '127.0.0.1', headers: {} } });
  const { port } = server.httpServer.address();
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}
