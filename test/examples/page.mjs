import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../runtimes/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];
const photograph = fileURLToPath(new URL('../../examples/images/chelsea.png', import.meta.url));

/**
 * Opens a page in Debian's chromium, gives it the photograph, and returns what its `output` says then. `more`: what else is
 * asked of the page.
 */
export async function classifyInPage(url, isReady, isDone, more = async () => {}) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  try {
    const page = await browser.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(url);
    const said = (pattern) =>
      page
        .waitForFunction((source) => new RegExp(source).test(document.querySelector('output').textContent), pattern)
        .catch((error) => {
          throw new Error(`${error.message}: ${errors.join('; ')}`);
        });
    const classify = async () => {
      await said(isReady);
      await page.setInputFiles('input[type=file]', photograph);
      await said(isDone);
    };
    await classify();
    const text = await page.textContent('output');
    await more(page, classify);
    if (errors.length > 0) throw new Error(errors.join('; '));
    return text;
  } finally {
    await browser.close();
  }
}
