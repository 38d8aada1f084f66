import assert from 'node:assert/strict';
import { npm } from '../program.mjs';

export async function check(directory) {
  const { stdout, stderr } = await npm(directory, 'test');
  assert.match(stdout + stderr, /2 passed/);
  return 'both tests pass';
}
