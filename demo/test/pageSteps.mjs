// What holds for the page as a whole.
import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';

const TABS = ['picture', 'steps', 'speed', 'oracle'];
const LONGEST_TASK = 50;

export async function isAccessible(session) {
  const { page } = session;
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const tab of TABS) {
      await session.openTab(tab);
      await session.idle();
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
      const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      assert.deepEqual(told, [], `${tab}, ${colorScheme}`);
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 360, height: 740 });
  for (const tab of TABS) {
    await session.openTab(tab);
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.equal(overflow, 0, `${tab} is wider than a phone`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** By the keyboard alone: the tabs, a token of the picture, and what is said of it. */
export async function worksByKeyboard(session) {
  const { page } = session;
  await session.openTab('picture');
  await session.idle();
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.tagName);
  await page.focus('#tab-picture');
  for (const [key, tab] of [
    ['End', 'oracle'],
    ['ArrowRight', 'picture'],
    ['ArrowLeft', 'oracle'],
    ['Home', 'picture'],
  ]) {
    await page.keyboard.press(key);
    await page.locator(`#tab-${tab}[aria-selected="true"]`).waitFor();
    assert.equal(await focused(), `tab-${tab}`, key);
  }
  // Block, head, picture.
  for (let n = 0; n < 3; n++) await page.keyboard.press('Tab');
  assert.equal(await focused(), 'svg');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, 'solid', 'the focus is seen');
  await page.keyboard.press('ArrowDown');
  await session.idle();
  const before = await session.textOf('spoken');
  assert.match(before, /^The token in row \d+, column \d+ looks most at row \d+, column \d+, with [\d.]+%/);
  await page.keyboard.press('ArrowRight');
  await session.idle();
  assert.notEqual(await session.textOf('spoken'), before);
}

/** Main-thread tasks and the time from a key to the next frame, while the model runs. */
export async function isResponsive(session, isQuiet) {
  const { page } = session;
  await session.openTab('picture');
  await page.evaluate(() => {
    globalThis.tasks = [];
    new PerformanceObserver((list) =>
      globalThis.tasks.push(...list.getEntries().map(({ duration }) => duration)),
    ).observe({
      type: 'longtask',
    });
  });
  await session.choose('simd', 'typescript');
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
  await session.idle();
  await session.choose('simd', 'simd');
  for (const tab of ['steps', 'speed', 'oracle', 'picture']) {
    await session.openTab(tab);
    await session.idle();
  }
  const longest = Math.max(0, ...(await page.evaluate(() => globalThis.tasks)));
  const told = `longest task ${longest || `below ${LONGEST_TASK}`} ms, interaction to next paint ${Math.max(...frames).toFixed(0)} ms`;
  if (isQuiet) assert.ok(longest <= LONGEST_TASK, told);
  return told;
}

export async function worksOffline(session) {
  const { page } = session;
  await page.getByText('works offline.').waitFor({ timeout: 60_000 });
  const context = page.context();
  await context.setOffline(true);
  await page.goto(`${session.url}#picture`);
  await page.reload();
  assert.equal((await session.result()).label, 'cat');
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  await session.openTab('oracle');
  await page.locator('option[data-name]').first().waitFor({ state: 'attached' });
  await page.getByRole('button', { name: 'Plant and judge' }).click();
  await page.getByTestId('diagnosis').first().waitFor();
  await context.setOffline(false);
}
