// Debian's Chromium and Firefox, headless, on every page of pages.mjs.
import { chromium as playwright } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { servePages } from './pages.mjs';

/** How long a page may take, milliseconds, beside its cycles. */
const PATIENCE = 120_000;
const PATIENCE_A_CYCLE = 500;

const BROWSERS = {
  Chromium: () =>
    playwright.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    }),
  Firefox: () =>
    puppeteer.launch({
      browser: 'firefox',
      executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
      protocolTimeout: 0,
    }),
};

/** A row for each page, until `close`; browsers start when they are needed. */
export async function browserRows(project, golden, cycles) {
  const { pages, close } = await servePages(project, golden);
  const browsers = new Map();
  return {
    rows: pages.map((page) => ({
      ...page,
      async run() {
        if (!browsers.has(page.browser)) browsers.set(page.browser, await BROWSERS[page.browser]());
        return resultsOf(browsers.get(page.browser), page, cycles);
      },
    })),
    async close() {
      for (const browser of browsers.values()) await browser.close();
      await close();
    },
  };
}

async function resultsOf(browser, { name, url }, cycles) {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(name, error));
  const target = new URL(url);
  target.searchParams.set('cycles', cycles);
  await page.goto(target.href);
  let timer;
  const isLate = new Promise((_, reject) => {
    const limit = PATIENCE + PATIENCE_A_CYCLE * cycles;
    timer = setTimeout(() => reject(new Error(`${name}: no results in ${limit / 1000} s`)), limit);
  });
  await Promise.race([page.waitForFunction(() => globalThis.results !== undefined, { timeout: 0 }), isLate]);
  const results = await Promise.race([page.evaluate(() => globalThis.results), isLate]);
  clearTimeout(timer);
  await page.close();
  return results;
}
