import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { npm } from '../program.mjs';

const photograph = fileURLToPath(new URL('../../../examples/images/chelsea.png', import.meta.url));

export async function check(directory) {
  const { stdout, stderr } = await npm(directory, 'start', '--silent', '--', photograph, photograph);
  assert.equal(stdout, `${photograph}: cat\n`.repeat(2));
  assert.match(stderr, /event-loop delay p99 [\d.]+ ms/);
  return stderr.trim();
}
