// npm run test:demo:firefox [-- --toggles 50]: the built page in Debian's firefox-esr: what differs between browsers is
// workers, shared memory, the service worker and drawing.
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { launch } from 'puppeteer-core';
import { reportOfFirefox } from '../../test/runtimes/firefoxAlone.mjs';
import { serve } from './server.mjs';

const { values: flags } = parseArgs({ options: { toggles: { type: 'string', default: '10' } } });
const TOGGLES = Number(flags.toggles);
const TIMEOUT = { timeout: 120_000 };

const server = await serve();
let isServing = true;
const browser = await launch({ browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true });
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));

  const textOf = (selector) => page.$eval(selector, ({ textContent }) => textContent);
  const numberOf = async (id) => Number.parseFloat(await textOf(`[data-testid="${id}"]`));
  const idle = async () => {
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
    await page.waitForSelector('[data-busy="no"]', TIMEOUT);
  };
  const result = async () => {
    await page.waitForFunction(
      () => /\d/.test(document.querySelector('[data-testid="logit-error"]')?.textContent ?? ''),
      TIMEOUT,
    );
    await idle();
    return { label: await textOf('.classes li span'), logits: await numberOf('logit-error') };
  };
  const openTab = (name) => page.click(`#tab-${name}`);
  const press = (text) =>
    page.evaluate((wanted) => {
      [...document.querySelectorAll('button')].find(({ textContent }) => textContent === wanted).click();
    }, text);
  const choose = async (name, value) => {
    await page.$eval(`input[name="${name}"][value="${value}"]`, (input) => input.click());
    await idle();
  };

  const steps = {
    async 'classifies the sample, isolated by its service worker'() {
      await page.goto(server.url);
      assert.equal((await result()).label, 'cat');
      assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    },
    async 'draws attention that is a row of P'() {
      const overlay = await page.$('.overlay svg');
      await overlay.click({ offset: { x: 300, y: 300 } });
      await page.waitForSelector('[data-testid="row-sum"]', TIMEOUT);
      assert.ok(Math.abs((await numberOf('row-sum')) - 1) <= 1e-6);
      assert.ok((await numberOf('row-difference')) <= 1e-6);
    },
    async 'computes by every switch'() {
      for (const kernel of ['typescript', 'relaxed-simd', 'simd']) {
        await choose('simd', kernel);
        assert.equal((await result()).label, 'cat', kernel);
      }
    },
    async [`toggles threads ${TOGGLES} times`]() {
      const target = `${server.url}?toggles=${TOGGLES}`;
      const { results, threads, complaints } = await reportOfFirefox(target, 120_000 + 5000 * TOGGLES);
      assert.deepEqual(complaints, []);
      assert.equal(results[0][0], 'cat');
      for (const [n, result] of results.entries()) assert.deepEqual(result, results[0], `toggle ${n}`);
      if (availableParallelism() > 1) assert.equal(threads.filter((count) => count > 1).length, Math.ceil(TOGGLES / 2));
    },
    async 'plays the steps'() {
      await openTab('steps');
      await page.waitForSelector('[aria-label="Step"]', TIMEOUT);
      for (let n = 0; n < 3; n++) await press('Next');
      await idle();
      assert.match(await textOf('[data-testid="frame"]'), /^Scores, chunk 1/);
    },
    async 'names a fault'() {
      await openTab('oracle');
      await page.waitForSelector('option[data-name="softmax_over_queries"]', TIMEOUT);
      const value = await page.$eval('option[data-name="softmax_over_queries"]', (option) => option.value);
      await page.select('select[aria-label="Fault"]', value);
      await press('Plant and judge');
      await page.waitForSelector('[data-testid="diagnosis"]', TIMEOUT);
      assert.equal(await textOf('[data-testid="diagnosis"] code'), 'softmax_over_queries');
    },
    async 'measures this device'() {
      await openTab('speed');
      await press('Measure this device');
      await page.waitForSelector('[data-testid="markdown"]', TIMEOUT);
      const rows = (await textOf('[data-testid="markdown"]')).match(/^\| Stage \d( \| [\d.]+ ms \([^)]+\)){3} \|$/gm);
      assert.equal(rows?.length, 4);
    },
    async 'works offline'() {
      await page.waitForFunction(() => document.body.textContent.includes('works offline.'), TIMEOUT);
      await server.close();
      isServing = false;
      await openTab('picture');
      await page.reload();
      assert.equal((await result()).label, 'cat');
    },
  };
  for (const [name, run] of Object.entries(steps)) {
    const start = performance.now();
    await run();
    console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  assert.deepEqual(complaints, [], 'the console');
} finally {
  await browser.close();
  if (isServing) await server.close();
}
