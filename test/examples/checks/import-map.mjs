import { classifyInPage } from '../page.mjs';
import { freePort, withServer } from '../server.mjs';

export async function check(directory) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const started = { cwd: directory, env: { PORT: String(port) }, url };
  return withServer(['npm', 'start'], started, () => classifyInPage(url, 'Choose', '^cat'));
}
