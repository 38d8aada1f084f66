import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readImage } from '../src/cli/image.js';
import { quantize } from '../src/cli/quantize.js';

const MODEL = fileURLToPath(new URL('models/swin-cifar10', import.meta.url));
const COUNT = 6;

// A spy around the real one.
vi.mock('../src/cli/image.js', { spy: true });

describe('quantize', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'quantize-'));
    for (let i = 0; i < COUNT; i++) await copyFile('examples/images/chelsea.png', join(directory, `${i}.png`));
  });
  afterAll(() => rm(directory, { recursive: true }));

  it.each(['images', 'calibrate'])('reads no more than the next of its %s ahead', async (kind) => {
    const damaged = join(directory, 'damaged.png');
    await writeFile(damaged, 'no image');
    const images = Array.from({ length: COUNT }, (_, i) => join(directory, `${i}.png`));
    const paths = [images[0] as string, damaged, ...images.slice(1)];
    const output = join(directory, 'out');
    const made =
      kind === 'images' ? quantize(MODEL, paths, { output }) : quantize(MODEL, [], { output, calibrate: paths });
    await expect(made).rejects.toThrow(damaged);
    expect(existsSync(output)).toBe(false);
    // The first, the damaged one, and what comes while each is in work.
    expect(vi.mocked(readImage).mock.calls.length).toBeLessThanOrEqual(3);
    vi.mocked(readImage).mockClear();
    await rm(damaged);
  });

  it('compares the logits of every image', async () => {
    const output = join(directory, 'compared');
    const { logits } = await quantize(MODEL, [directory], { output });
    const once = await quantize(MODEL, [join(directory, '0.png')], { output: join(directory, 'once') });
    expect(logits?.images).toBe(COUNT);
    expect(once.logits?.relativeError).toBeGreaterThan(0);
    for (const key of ['maxError', 'rmsError', 'relativeError', 'agreement'] as const) {
      expect(logits?.[key]).toBeCloseTo(once.logits?.[key] as number, 12);
    }
  });
});
