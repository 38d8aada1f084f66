import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';

/**
 * Visits the page for the first time: what it loads until a picture is classified, gzipped, without the model, must fit in
 * `budget` bytes; the page isolates itself though its host sets no header.
 */
export async function checkFirstLoad(context, page, url, budget) {
  const sizes = new Map();
  const reading = [];
  context.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (!response.url().startsWith(url) || pathname.startsWith('/model/') || response.status() !== 200) return;
    reading.push(
      response.body().then(
        (body) => sizes.set(pathname, gzipSync(body).length),
        () => {},
      ),
    );
  });
  await page.goto(url);
  await page.waitForFunction(() => /\d/.test(document.querySelector('[data-testid="logit-error"]')?.textContent ?? ''));
  await Promise.all(reading);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true, 'isolated');
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  const sum = [...sizes.values()].reduce((all, size) => all + size, 0);
  const largest = [...sizes].sort((a, b) => b[1] - a[1]).slice(0, 3);
  assert.ok(sum <= budget, `the first load, ${sum} bytes, expected to be at most ${budget}`);
  return `${sum} bytes gzipped of ${budget}, of them ${largest.map(([name, size]) => `${size} ${name}`).join(', ')}; first paint after ${paint?.toFixed(0)} ms`;
}
