import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { freePort, withServer } from '../server.mjs';

const photograph = readFileSync(new URL('../../../examples/images/chelsea.png', import.meta.url));

export async function check(directory) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { PORT: String(port), NEXT_TELEMETRY_DISABLED: '1' };
  await withServer(['npm', 'start'], { cwd: directory, env, url }, async () => {
    for (const route of ['classify', 'edge']) {
      const post = (body) => fetch(`${url}/${route}`, { method: 'POST', body });
      const { labels } = await (await post(photograph)).json();
      assert.equal(labels[0].label, 'cat', route);
      const wrong = await post('no image');
      assert.equal(wrong.status, 422, route);
      assert.match((await wrong.json()).error, /expected a PNG, JPEG or WebP file/);
    }
  });
  return 'a route on Node and one on the edge runtime';
}
