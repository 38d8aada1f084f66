// The first tab: pictures, attention, switches.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** Largest errors of logits; int8 weights meet activations of 16 bits. */
const LOGITS = { float32: 1e-4, int8: 5e-3 };
const CAT = readFileSync(new URL('../../examples/images/chelsea.png', import.meta.url));

export async function classifiesTheSample(session) {
  const { page } = session;
  const { label, attention, logits } = await session.result();
  assert.equal(label, 'cat');
  assert.equal(await page.locator('.classes li').count(), 5);
  assert.ok(attention < 1e-5 && logits < LOGITS.int8, `errors ${attention}, ${logits}`);
  return `attention off by ${attention}, logits by ${logits}, in ${await session.textOf('time')}`;
}

/** Every block and head, at tokens of the middle and of the border, by mouse and by keys. */
export async function drawsAttention(session) {
  const { page } = session;
  const overlay = page.locator('.overlay svg');
  const blocks = await page.locator('select').first().locator('option').count();
  let largest = 0;
  for (let block = 0; block < blocks; block++) {
    await page.selectOption('select >> nth=0', String(block));
    const heads = await page.locator('select').nth(1).locator('option').count();
    for (const head of new Set([0, heads - 1])) {
      await page.selectOption('select >> nth=1', String(head));
      await session.idle();
      const { width, height } = await overlay.boundingBox();
      for (const [x, y] of [
        [0.4, 0.6],
        [0.97, 0.97],
      ]) {
        await overlay.click({ position: { x: x * width, y: y * height } });
        await page.waitForSelector('[data-testid="row-sum"]');
        await session.idle();
        const [sum, difference] = [await session.numberOf('row-sum'), await session.numberOf('row-difference')];
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
  await session.idle();
  await overlay.focus();
  const before = await page.locator('h2', { hasText: 'The token in' }).textContent();
  await page.keyboard.press('ArrowUp');
  await session.idle();
  assert.notEqual(await page.locator('h2', { hasText: 'The token in' }).textContent(), before);
  await overlay.hover({ position: { x: 20, y: 20 } });
  assert.match(await page.locator('.tip').textContent(), /row 0, column 0/);
  return `largest difference ${largest}`;
}

export async function takesPictures(session) {
  const { page } = session;
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
  assert.notEqual((await session.result()).label, 'cat');
  for (const kind of ['drop', 'paste']) {
    await send(kind, CAT, `${kind}.png`, 'image/png');
    await page.waitForSelector(`img[alt="${kind}.png"]`);
    assert.equal((await session.result()).label, 'cat');
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
    assert.equal((await session.result()).label, 'cat');
  }
}

export async function switches(session) {
  const { page } = session;
  const valuesOf = (name) =>
    page.locator(`input[name="${name}"]`).evaluateAll((inputs) => inputs.map(({ value }) => value));
  const kernels = await valuesOf('simd');
  assert.deepEqual(kernels, ['typescript', 'simd', 'relaxed-simd']);
  for (const kernel of kernels) {
    await session.choose('simd', kernel);
    const { label, attention } = await session.result();
    assert.equal(label, 'cat', kernel);
    assert.ok(attention < 1e-5, `${kernel}: attention off by ${attention}`);
  }
  await session.choose('simd', 'simd');
  for (const weights of await valuesOf('weights')) {
    await session.choose('weights', weights);
    const { label, logits } = await session.result();
    assert.equal(label, 'cat', weights);
    assert.ok(logits < LOGITS[weights], `${weights}: logits off by ${logits}`);
  }
  await page.getByText('Measure all').click();
  await session.idle();
  return (await page.locator('.timings tbody tr').allTextContents()).join('; ');
}

export async function togglesThreads(session, toggles) {
  const { page } = session;
  const { attention, logits } = await session.result();
  const most = await page.locator('input[name="threads"]').last().getAttribute('value');
  if (most === '1') return 'this machine has one core';
  for (let n = 0; n < toggles; n++) {
    await session.choose('threads', n % 2 === 0 ? most : '1');
    const now = await session.result();
    assert.deepEqual(now, { label: 'cat', attention, logits }, `toggle ${n}`);
  }
}
