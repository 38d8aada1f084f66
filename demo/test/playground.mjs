// npm run test:demo [-- --whole]: the built page in Debian's chromium. The short form is for CI; the whole one toggles threads
// as often as promised, plants every fault that is written here (and of the oracle's own list one in --known N, 20) and asks the
// main thread for what a quiet machine gives. firefox.mjs does it in Firefox.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { checkFirstLoad } from './firstLoad.mjs';
import { isAccessible, isResponsive, worksByKeyboard, worksOffline } from './pageSteps.mjs';
import { classifiesTheSample, drawsAttention, switches, takesPictures, togglesThreads } from './pictureSteps.mjs';
import { serve } from './server.mjs';
import { Session } from './session.mjs';
import { benchmarks, judgesFiles, namesFaults, playsSteps } from './toolSteps.mjs';

const { values: flags } = parseArgs({
  options: { whole: { type: 'boolean', default: false }, known: { type: 'string' } },
});
const TOGGLES = flags.whole ? 50 : 10;
/** One of so many faults is planted: of the playground's own, and of those that the oracle lists. */
const WRITTEN = flags.whole ? 1 : 6;
const KNOWN = Number(flags.known ?? (flags.whole ? 20 : 300));
const FIRST_LOAD = 250_000;
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const server = await serve();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS });
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  const session = new Session(page, server.url);
  const steps = [
    ['loads little', () => checkFirstLoad(context, page, server.url, FIRST_LOAD)],
    ['classifies the sample', classifiesTheSample],
    ['draws attention that is a row of P', drawsAttention],
    ['takes pictures that are dropped, pasted and chosen, and refuses what is none', takesPictures],
    ['computes by every switch', switches],
    [`toggles threads ${TOGGLES} times`, () => togglesThreads(session, TOGGLES)],
    ['plays the steps', playsSteps],
    ['names faults', () => namesFaults(session, WRITTEN, KNOWN)],
    ['judges files', judgesFiles],
    ['measures this device', benchmarks],
    ['has no serious accessibility issue', isAccessible],
    ['works by the keyboard', worksByKeyboard],
    ['does not block', () => isResponsive(session, flags.whole)],
    ['works offline', worksOffline],
  ];
  for (const [name, run] of steps) {
    const start = performance.now();
    const told = await run(session);
    console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s${told ? `; ${told}` : ''}`);
  }
  assert.deepEqual(complaints, [], 'the console');
} finally {
  await browser.close();
  await server.close();
}
