// Debian's Chromium and Firefox, headless, on every page of pages.mjs: by WebDriver, except where that makes Firefox hang.
import { chromium as playwright } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { reportOfFirefox } from './firefoxAlone.mjs';
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
        if (page.browser === 'Firefox alone') return resultsOfFirefoxAlone(page, cycles);
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
  await page.goto(withCycles(url, cycles));
  let timer;
  const isLate = new Promise((_, reject) => {
    const limit = timeFor(cycles);
    timer = setTimeout(() => reject(new Error(`${name}: no results in ${limit / 1000} s`)), limit);
  });
  await Promise.race([page.waitForFunction(() => globalThis.results !== undefined, { timeout: 0 }), isLate]);
  const results = await Promise.race([page.evaluate(() => globalThis.results), isLate]);
  clearTimeout(timer);
  await page.close();
  return results;
}

async function resultsOfFirefoxAlone({ name, url }, cycles) {
  const { results, error } = await reportOfFirefox(withCycles(url, cycles), timeFor(cycles));
  if (error) throw new Error(`${name}: ${error}`);
  return results;
}

function withCycles(url, cycles) {
  const target = new URL(url);
  target.searchParams.set('cycles', cycles);
  return target.href;
}

function timeFor(cycles) {
  return PATIENCE + PATIENCE_A_CYCLE * cycles;
}
