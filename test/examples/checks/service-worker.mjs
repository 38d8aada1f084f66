import assert from 'node:assert/strict';
import { classifyInPage } from '../page.mjs';
import { freePort, withServer } from '../server.mjs';

export async function check(directory) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  return withServer(['npm', 'start'], { cwd: directory, env: { PORT: String(port) }, url }, () =>
    classifyInPage(url, 'Choose', '^cat', async (page, classify) => {
      const refused = await page.evaluate(async () => {
        const response = await fetch('classify', { method: 'POST', body: 'no image' });
        return { status: response.status, ...(await response.json()) };
      });
      assert.equal(refused.status, 422);
      assert.match(refused.error, /expected a PNG, JPEG or WebP file/);
      // The service worker answers what the network does not.
      await page.context().setOffline(true);
      await page.reload();
      await classify();
    }),
  );
}
