// The other tabs: the stepper, the oracle, the benchmark.
import assert from 'node:assert/strict';
import { zipSync } from 'fflate';
import { makeVectors } from 'flash-window-attention/oracle';
import { windowAttention } from 'flash-window-attention/reference';
import { writeSafetensors } from 'flash-window-attention/safetensors';
import { writeNpy } from '../../build/cli/npy.js';
import { kindsMissing } from './kinds.mjs';

/** What may stay unexplained where two faults give the same numbers. */
const SAME = 1e-5;

export async function playsSteps(session) {
  const { page } = session;
  await session.openTab('steps');
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

/** Plants one in `written` of the faults that the playground has written itself, and one in `known` of the oracle's own. */
export async function namesFaults(session, written, known) {
  const { page } = session;
  await session.openTab('oracle');
  const [groups, select] = ['Group', 'Fault'].map((label) => page.getByLabel(label, { exact: true }));
  await select.locator('option').first().waitFor({ state: 'attached' });
  const options = [];
  for (const group of await groups.locator('option').allTextContents()) {
    await groups.selectOption(group);
    const own = await select
      .locator('option')
      .evaluateAll((all) => all.map(({ value, dataset, textContent }) => [value, dataset.name, textContent]));
    options.push(...own.map((option) => [group, ...option]));
  }
  assert.deepEqual(kindsMissing(options.map(([, , name]) => name)), [], 'kinds that cannot be planted');
  const isKnown = ([group]) => group.startsWith('Known');
  const planted = [
    ...options.filter((option) => !isKnown(option)).filter((_, n) => n % written === 0),
    ...options.filter(isKnown).filter((_, n) => n % known === 0),
  ];
  for (const [group, value, name, title] of planted) {
    await groups.selectOption(group);
    await select.selectOption(value);
    await page.getByRole('button', { name: 'Plant and judge' }).click();
    await page.locator('h2', { hasText: title }).waitFor();
    await session.idle();
    assert.equal(await page.locator('.verdict').textContent(), 'Fail', title);
    const found = page.getByTestId('diagnosis').first();
    // Two faults at once have no order.
    const parts = (text) => text.split(' + ').sort();
    const named = await found.locator('code').textContent();
    // Some of the oracle's own faults give the numbers of another, simpler one: that is named, and leaves nothing unexplained.
    const isSame = group.startsWith('Known') && !['correct', 'unexplained'].includes(named);
    const left = Number.parseFloat(/leaves (\S+)/.exec(await found.textContent())?.[1] ?? 'NaN');
    if (isSame && left <= SAME) continue;
    assert.deepEqual(parts(named), parts(name), `${group}: ${title}`);
  }
  assert.ok((await page.locator('.maps canvas').count()) > 0);
  return `${planted.length} of ${options.length} faults`;
}

export async function judgesFiles(session) {
  const { page } = session;
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

export async function benchmarks(session) {
  const { page } = session;
  await session.openTab('speed');
  await page.getByRole('button', { name: 'Measure this device' }).click();
  await page.getByTestId('markdown').waitFor({ state: 'attached', timeout: 180_000 });
  const markdown = await session.textOf('markdown');
  assert.equal(
    markdown.split('\n').filter((line) => /^\| Stage \d( \| [\d.]+ ms \([\d.]+e-\d\)){3} \|$/.test(line)).length,
    4,
    markdown,
  );
  await page.getByRole('button', { name: 'Measure again' }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await session.idle();
  return `\n${markdown}`;
}
