// node demo/test/pictures.mjs, after `npm run demo:build`: the pictures of the README and of docs/, from the built page in
// Debian's chromium.
import { mkdirSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { serve } from './server.mjs';
import { Session } from './session.mjs';

const FOLDER = new URL('../../docs/pictures/', import.meta.url);
const QUALITY = 0.8;
/** Longer than what fades takes to. */
const FADE = 800;

const server = await serve();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  const page = await browser.newPage({ viewport: { width: 1180, height: 900 } });
  const encoder = await browser.newPage();
  const session = new Session(page, server.url);
  const picture = page.locator('.picture');
  const chooseBlock = (index) => page.selectOption('select >> nth=0', String(index));
  mkdirSync(FOLDER, { recursive: true });

  /** Writes what `target` shows, at most `width` pixels wide. */
  const save = async (name, target, width) => {
    await page.mouse.move(0, 0);
    const png = (await target.screenshot()).toString('base64');
    const webp = await encoder.evaluate(
      async ([data, widest, quality]) => {
        const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
        const scale = Math.min(1, widest / bitmap.width);
        const canvas = document.createElement('canvas');
        canvas.width = Math.round(bitmap.width * scale);
        canvas.height = Math.round(bitmap.height * scale);
        const context = canvas.getContext('2d');
        context.imageSmoothingQuality = 'high';
        context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
        return canvas.toDataURL('image/webp', quality).split(',')[1];
      },
      [png, width, QUALITY],
    );
    const bytes = Buffer.from(webp, 'base64');
    writeFileSync(new URL(`${name}.webp`, FOLDER), bytes);
    console.log(`${name}: ${bytes.length} bytes`);
  };
  const clickToken = async (x, y) => {
    const overlay = page.locator('.overlay svg');
    const { width, height } = await overlay.boundingBox();
    await overlay.click({ position: { x: x * width, y: y * height } });
    await page.waitForSelector('[data-testid="row-sum"]');
    await session.idle();
  };

  await page.goto(server.url);
  await session.result();
  await chooseBlock(0);
  await session.idle();
  await save('windows', picture, 420);
  await chooseBlock(1);
  await session.idle();
  await save('shifted', picture, 420);
  await clickToken(0.42, 0.44);
  await save('attention', picture, 420);
  await save('playground', page, 1180);
  await clickToken(0.97, 0.97);
  await save('masked', picture, 420);

  await session.openTab('steps');
  await page.waitForSelector('.tiles');
  for (const [name, title, target] of [
    ['partition', 'Partition', '.tiles'],
    ['scores', 'Scores, chunk 4', '.stage'],
    ['softmax', 'Softmax', '.stage'],
  ]) {
    while (!(await session.textOf('frame')).startsWith(title)) await page.getByRole('button', { name: 'Next' }).click();
    await page.waitForTimeout(FADE);
    await save(name, page.locator(target), target === '.stage' ? 760 : 420);
  }
} finally {
  await browser.close();
  await server.close();
}
