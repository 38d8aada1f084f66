import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderFigures, storedReport, withFigures } from '../scripts/figures.mjs';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe("the README's figures", () => {
  it('are those of the tables in bench/results: npm run figures -- --write', () => {
    expect(README).toBe(withFigures(README, renderFigures(storedReport)));
  });

  it('follow their tables, whose machine, commit and date they name', () => {
    const side = (name: string, ratio: number) => ({ name, milliseconds: ratio, ratio });
    const results = [1.5, 1.25].map((ratio, i) => ({
      shape: `${i}`,
      sides: [side('flash', 1), side('onnxruntime-web, A', ratio), side('onnxruntime-web, B', ratio + 1)],
    }));
    const machine = { processor: 'P', runtime: 'Node 1, V8 2', commit: 'abc', date: '2026-11-30' };
    const figures = renderFigures((name) => {
      return name === 'windowAttention' ? { machine, figures: { results } } : undefined;
    });
    expect(figures.trim().split('\n').slice(2)).toEqual([
      '| attention, forward: onnxruntime-web, the best of its graphs | 1.25 to 1.50× | [P, Node 1, abc, 2026-11-30](bench/results/windowAttention.md) |',
    ]);
  });
});
