import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFERENCES = {
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
};

/**
 * Opens a page in Debian's firefox-esr without WebDriver, and returns what the page posts to the address in its `report`
 * parameter, parsed. While a debugger or WebDriver listens, Firefox may never return from `new Worker` within a worker: the
 * parent and the new thread wait on one condition variable, and Firefox wakes one of them.
 */
export async function reportOfFirefox(url, timeout) {
  const profile = mkdtempSync(join(tmpdir(), 'firefox-'));
  const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`);
  writeFileSync(join(profile, 'user.js'), lines.join('\n'));
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const target = new URL(url);
  target.searchParams.set('report', `http://127.0.0.1:${server.address().port}/`);
  const args = ['--headless', '--no-remote', '--profile', profile, target.href];
  const firefox = spawn(process.env.FIREFOX ?? '/usr/bin/firefox-esr', args, { stdio: 'ignore', detached: true });
  const ended = once(firefox, 'exit');
  let timer;
  try {
    const reported = new Promise((resolve, reject) => {
      server.on('request', (request, response) => {
        textOf(request).then((text) => {
          response.writeHead(204, { 'cross-origin-resource-policy': 'cross-origin' }).end();
          resolve(JSON.parse(text));
        }, reject);
      });
      timer = setTimeout(() => reject(new Error(`${url}: no report in ${timeout / 1000} s`)), timeout);
      ended.then(() => reject(new Error(`${url}: Firefox ended`)), reject);
    });
    return await reported;
  } finally {
    clearTimeout(timer);
    // Its group: pages are processes of their own.
    if (firefox.exitCode === null) process.kill(-firefox.pid, 'SIGKILL');
    await ended;
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function textOf(request) {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}
