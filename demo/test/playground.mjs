// npm run test:demo [-- --firefox] [-- --whole]: the built page in a browser. The short form is for CI; the whole one repeats
// the benchmark and the toggling of threads as often as they are promised to work.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { AxeBuilder } from '@axe-core/playwright';
import { zipSync } from 'fflate';
import { makeVectors } from 'flash-window-attention/oracle';
import { windowAttention } from 'flash-window-attention/reference';
import { writeSafetensors } from 'flash-window-attention/safetensors';
import { chromium } from 'playwright-core';
import { writeNpy } from '../../build/cli/npy.js';
import { checkFirstLoad } from './firstLoad.mjs';
import { serve } from './server.mjs';

const { values: flags } = parseArgs({ options: { whole: { type: 'boolean', default: false } } });
const TOGGLES = flags.whole ? 50 : 10;
const FIRST_LOAD = 250_000;
const LONGEST_TASK = 50;
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const CAT = readFileSync(new URL('../../examples/images/chelsea.png', import.meta.url));

const server = await serve();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
const complaints = [];
page.on('console', (message) => {
  if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
});
page.on('pageerror', (error) => complaints.push(error.message));

async function step(name, run) {
  const start = performance.now();
  const result = await run();
  console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s${result ? `; ${result}` : ''}`);
}

async function idle() {
  // A step that was just asked for shows itself in the next frame.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  await page.waitForSelector('[data-busy="no"]', { state: 'attached', timeout: 120_000 });
}

const textOf = async (id) => (await page.getByTestId(id).first().textContent()) ?? '';
const numberOf = async (id) => Number.parseFloat(await textOf(id));
const openTab = (name) => page.click(`#tab-${name}`);

/** Waits for a result with its errors, and returns the label and these. */
async function result() {
  await page.waitForFunction(
    () => /\d/.test(document.querySelector('[data-testid="logit-error"]')?.textContent ?? ''),
    undefined,
    { timeout: 120_000 },
  );
  await idle();
  const label = await page.locator('.classes li span').first().textContent();
  return { label, attention: await numberOf('attention-error'), logits: await numberOf('logit-error') };
}

async function classifiesTheSample() {
  const { label, attention, logits } = await result();
  assert.equal(label, 'cat');
  assert.equal(await page.locator('.classes li').count(), 5);
  assert.ok(attention < 1e-5 && logits < 1e-4, `errors ${attention}, ${logits}`);
  return `attention off by ${attention}, logits by ${logits}, in ${await textOf('time')}`;
}

/** Every block and head, at tokens of the middle and of the border, by mouse and by keys. */
async function drawsAttention() {
  const overlay = page.locator('.overlay svg');
  const blocks = await page.locator('select').first().locator('option').count();
  let largest = 0;
  for (let block = 0; block < blocks; block++) {
    await page.selectOption('select >> nth=0', String(block));
    const heads = await page.locator('select').nth(1).locator('option').count();
    for (const head of new Set([0, heads - 1])) {
      await page.selectOption('select >> nth=1', String(head));
      await idle();
      const { width, height } = await overlay.boundingBox();
      for (const [x, y] of [
        [0.4, 0.6],
        [0.97, 0.97],
      ]) {
        await overlay.click({ position: { x: x * width, y: y * height } });
        await page.waitForSelector('[data-testid="row-sum"]');
        await idle();
        const [sum, difference] = [await numberOf('row-sum'), await numberOf('row-difference')];
        assert.ok(Math.abs(sum - 1) <= 1e-6, `block ${block}, head ${head}: the row sums to ${sum}`);
        assert.ok(difference <= 1e-6, `block ${block}, head ${head}: the row is off by ${difference}`);
        largest = Math.max(largest, difference);
        // What is drawn is the row: a rectangle for each of its tokens, and the numbers of the table.
        const drawn = await page.locator('.overlay svg rect[fill-opacity]').count();
        const row = await page.locator('details td:nth-of-type(1)').allTextContents();
        assert.equal(drawn, row.length);
        const total = row.reduce((all, text) => all + Number.parseFloat(text), 0);
        assert.ok(Math.abs(total - 1) < 1e-3, `the table sums to ${total}`);
      }
    }
  }
  await page.selectOption('select >> nth=0', '1');
  await idle();
  await overlay.focus();
  const before = await page.locator('h2', { hasText: 'The token in' }).textContent();
  await page.keyboard.press('ArrowUp');
  await idle();
  assert.notEqual(await page.locator('h2', { hasText: 'The token in' }).textContent(), before);
  await overlay.hover({ position: { x: 20, y: 20 } });
  assert.match(await page.locator('.tip').textContent(), /row 0, column 0/);
  return `largest difference ${largest}`;
}

async function takesPictures() {
  const send = (kind, bytes, name, type) =>
    page.evaluate(
      ([event, content, file, mime]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(content)], file, { type: mime }));
        const made =
          event === 'drop'
            ? new DragEvent('drop', { dataTransfer: data, bubbles: true })
            : new ClipboardEvent('paste', { clipboardData: data, bubbles: true });
        document.body.dispatchEvent(made);
      },
      [kind, [...bytes], name, type],
    );
  await page.click('button[aria-label="A rocket"]');
  await page.waitForSelector('img[alt="A rocket"]');
  assert.notEqual((await result()).label, 'cat');
  for (const kind of ['drop', 'paste']) {
    await send(kind, CAT, `${kind}.png`, 'image/png');
    await page.waitForSelector(`img[alt="${kind}.png"]`);
    assert.equal((await result()).label, 'cat');
  }
  await send('drop', Buffer.from('no picture'), 'notes.png', 'image/png');
  await page.waitForSelector('[role="alert"]');
  await page.click('[aria-label="Dismiss"]');
  for (const [n, input] of [0, 1].entries()) {
    await page
      .locator('input[accept="image/*"]')
      .nth(input)
      .setInputFiles({ name: `${n}.png`, mimeType: 'image/png', buffer: CAT });
    await page.waitForSelector(`img[alt="${n}.png"]`);
    assert.equal((await result()).label, 'cat');
  }
}

async function choose(name, value) {
  await page.locator(`input[name="${name}"][value="${value}"]`).check({ force: true });
  await idle();
}

async function switches() {
  const valuesOf = (name) =>
    page.locator(`input[name="${name}"]`).evaluateAll((inputs) => inputs.map(({ value }) => value));
  const kernels = await valuesOf('simd');
  assert.deepEqual(kernels, ['typescript', 'simd', 'relaxed-simd']);
  for (const kernel of kernels) {
    await choose('simd', kernel);
    const { label, attention } = await result();
    assert.equal(label, 'cat', kernel);
    assert.ok(attention < 1e-5, `${kernel}: attention off by ${attention}`);
  }
  await choose('simd', 'simd');
  for (const weights of await valuesOf('weights')) {
    await choose('weights', weights);
    assert.equal((await result()).label, 'cat', weights);
  }
  await page.getByText('Measure all').click();
  await idle();
  return (await page.locator('.timings tbody tr').allTextContents()).join('; ');
}

async function togglesThreads() {
  const { attention, logits } = await result();
  const most = await page.locator('input[name="threads"]').last().getAttribute('value');
  if (most === '1') return 'this machine has one core';
  for (let n = 0; n < TOGGLES; n++) {
    await choose('threads', n % 2 === 0 ? most : '1');
    const now = await result();
    assert.deepEqual(now, { label: 'cat', attention, logits }, `toggle ${n}`);
  }
}

async function playsSteps() {
  await openTab('steps');
  const slider = page.getByLabel('Step', { exact: true });
  await slider.waitFor();
  const titles = [];
  const count = Number(await slider.getAttribute('max'));
  for (let n = 0; n <= count; n++) {
    await slider.fill(String(n));
    titles.push(await slider.getAttribute('aria-valuetext'));
  }
  assert.deepEqual(titles.slice(0, 4), ['The image', 'Cyclic shift', 'Partition', 'Scores, chunk 1 of 4']);
  assert.ok(titles.includes('Softmax') && titles.at(-1) === 'Reverse', titles.join());
  await page.getByRole('button', { name: 'Play' }).click();
  await page.waitForFunction(() => document.querySelector('[aria-label="Step"]')?.value === '1', undefined, {
    timeout: 5000,
  });
  await page.getByRole('button', { name: 'Pause' }).click();
}

async function namesFaults() {
  await openTab('oracle');
  const select = page.getByLabel('Fault', { exact: true });
  const options = await select
    .locator('option')
    .evaluateAll((all) => all.map(({ value, dataset }) => [value, dataset.name]));
  assert.ok(options.length >= 23);
  for (const [value, name] of options) {
    await select.selectOption(value);
    const title = await select.locator('option:checked').textContent();
    await page.getByRole('button', { name: 'Plant and judge' }).click();
    await page.locator('h2', { hasText: title }).waitFor();
    await idle();
    assert.equal(await page.locator('.verdict').textContent(), 'Fail', title);
    assert.equal(await page.getByTestId('diagnosis').first().locator('code').textContent(), name, title);
  }
  assert.ok((await page.locator('.maps canvas').count()) > 0);
  return `${options.length} faults`;
}

async function judgesFiles() {
  const inputs = makeVectors({ shape: [4, 2, 9, 8], bias: true });
  const right = windowAttention(inputs).o;
  const o = { data: Float32Array.from(right.data), dims: right.dims, type: 'float32' };
  const wrong = { ...o, data: o.data.map((x, at) => (at === 100 ? x + 1 : x)) };
  const npz = (tensors) =>
    zipSync(
      Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${name}.npy`, writeNpy(name, tensor)])),
    );
  const files = [
    ['right.safetensors', writeSafetensors({ ...inputs, o }), 'Pass'],
    ['wrong.safetensors', writeSafetensors({ ...inputs, o: wrong }), 'Fail'],
    ['right.npz', npz({ ...inputs, o }), 'Pass'],
    ['wrong.npz', npz({ ...inputs, o: wrong }), 'Fail'],
  ];
  for (const [name, bytes, verdict] of files) {
    await page.locator('.source').evaluate(
      (target, [content, file]) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([Uint8Array.from(content)], file));
        target.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }));
      },
      [[...bytes], name],
    );
    await page.locator('h2', { hasText: name }).waitFor();
    assert.equal(await page.locator('.verdict').textContent(), verdict, name);
  }
  await page
    .locator('input[accept*="npz"]')
    .setInputFiles({ name: 'none.npz', mimeType: '', buffer: Buffer.from('none') });
  await page.waitForSelector('[role="alert"]');
  await page.click('[aria-label="Dismiss"]');
}

async function benchmarks() {
  await openTab('speed');
  await page.getByRole('button', { name: 'Measure this device' }).click();
  await page.getByTestId('markdown').waitFor({ state: 'attached', timeout: 180_000 });
  const markdown = await textOf('markdown');
  assert.equal(
    markdown.split('\n').filter((line) => /^\| Stage \d( \| [\d.]+ ms \([\d.]+e-\d\)){3} \|$/.test(line)).length,
    4,
    markdown,
  );
  await page.getByRole('button', { name: 'Measure again' }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await idle();
  return `\n${markdown}`;
}

async function isAccessible() {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const tab of ['picture', 'steps', 'speed', 'oracle']) {
      await openTab(tab);
      await idle();
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
      const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      assert.deepEqual(told, [], `${tab}, ${colorScheme}`);
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 360, height: 740 });
  for (const tab of ['picture', 'steps', 'speed', 'oracle']) {
    await openTab(tab);
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.equal(overflow, 0, `${tab} is wider than a phone`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** Main-thread tasks and the time from a key to the next frame, while the model runs. */
async function isResponsive() {
  await openTab('picture');
  await page.evaluate(() => {
    globalThis.tasks = [];
    new PerformanceObserver((list) =>
      globalThis.tasks.push(...list.getEntries().map(({ duration }) => duration)),
    ).observe({
      type: 'longtask',
    });
  });
  await choose('simd', 'typescript');
  const frames = [];
  for (let n = 0; n < 12; n++) {
    await page.locator('.overlay svg').focus();
    frames.push(
      await page.evaluate(
        (key) =>
          new Promise((resolve) => {
            const start = performance.now();
            document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
          }),
        n % 2 === 0 ? 'ArrowDown' : 'ArrowRight',
      ),
    );
  }
  await idle();
  await choose('simd', 'simd');
  for (const tab of ['steps', 'speed', 'oracle', 'picture']) {
    await openTab(tab);
    await idle();
  }
  const longest = Math.max(0, ...(await page.evaluate(() => globalThis.tasks)));
  const told = `longest task ${longest || `below ${LONGEST_TASK}`} ms, interaction to next paint ${Math.max(...frames).toFixed(0)} ms`;
  if (flags.whole) assert.ok(longest <= LONGEST_TASK, told);
  return told;
}

async function worksOffline() {
  await page.getByText('works offline.').waitFor({ timeout: 60_000 });
  await context.setOffline(true);
  await page.goto(`${server.url}#picture`);
  await page.reload();
  assert.equal((await result()).label, 'cat');
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  await openTab('oracle');
  await page.getByRole('button', { name: 'Plant and judge' }).click();
  await page.getByTestId('diagnosis').first().waitFor();
  await context.setOffline(false);
}

try {
  await checkFirstLoad(context, page, server.url, FIRST_LOAD);
  await step('classifies the sample', classifiesTheSample);
  await step('draws attention that is a row of P', drawsAttention);
  await step('takes pictures that are dropped, chosen and pasted, and refuses others', takesPictures);
  await step('computes by every switch', switches);
  await step(`toggles threads ${TOGGLES} times`, togglesThreads);
  await step('plays the steps', playsSteps);
  await step('names every fault', namesFaults);
  await step('judges files', judgesFiles);
  await step('measures this device', benchmarks);
  await step('has no serious accessibility issue', isAccessible);
  await step('never blocks for long', isResponsive);
  await step('works offline', worksOffline);
  assert.deepEqual(complaints, [], 'the console');
} finally {
  await browser.close();
  await server.close();
}
