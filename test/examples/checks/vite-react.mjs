import { classifyInPage } from '../page.mjs';
import { freePort, withServer } from '../server.mjs';

export async function check(directory) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = ['npm', 'start', '--', '--port', String(port)];
  return withServer(start, { cwd: directory, url }, () => classifyInPage(url, 'Choose', '^cat'));
}
