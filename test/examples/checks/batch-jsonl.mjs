import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm } from '../program.mjs';

const photograph = fileURLToPath(new URL('../../../examples/images/chelsea.png', import.meta.url));

export async function check(directory) {
  const folder = join(directory, 'images/inner');
  mkdirSync(folder, { recursive: true });
  for (let i = 10; i < 30; i++) cpSync(photograph, join(folder, `${i}.png`));
  writeFileSync(join(folder, '15.png'), 'no image');
  const { stdout } = await npm(directory, 'start', '--silent', '--', 'images');
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ file }) => file),
    Array.from({ length: 20 }, (_, i) => `inner/${i + 10}.png`),
  );
  for (const [i, { labels, error }] of lines.entries()) {
    if (i === 5) assert.match(error, /expected a PNG, JPEG or WebP file/);
    else assert.equal(labels[0].label, 'cat');
  }
  return '20 lines in order, one of them an error';
}
