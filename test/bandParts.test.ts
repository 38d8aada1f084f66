import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkShiftedWindowArgs } from '../src/arguments/shiftedWindowArgs.js';
import { bandParts } from '../src/attention/bandParts.js';
import { bandCount } from '../src/attention/bands.js';

const problem = fc.record({
  B: fc.integer({ min: 1, max: 3 }),
  lines: fc.integer({ min: 1, max: 20 }),
  numHeads: fc.integer({ min: 1, max: 9 }),
  windowSize: fc.integer({ min: 1, max: 7 }),
  bandsOfPart: fc.integer({ min: 0, max: 12 }),
  wanted: fc.integer({ min: 1, max: 20 }),
});

it('parts of an image take every head of every band once, and no other', () => {
  fc.assert(
    fc.property(problem, ({ B, lines, numHeads, windowSize, bandsOfPart, wanted }) => {
      const dims = [B, lines, 7, 3 * numHeads];
      const qkv = { data: new Float32Array(B * lines * 7 * 3 * numHeads), dims };
      const args = checkShiftedWindowArgs({ qkv, numHeads, windowSize });
      const split = bandParts(args, bandsOfPart, wanted);
      const taken = [];
      for (let index = 0; index < split.parts; index++) {
        const part = split.part(index);
        expect(part.bands).toBeLessThanOrEqual(split.bands);
        expect(part.lines.length).toBe(part.bands * windowSize);
        for (let band = part.firstBand; band < part.firstBand + part.bands; band++) {
          for (let head = part.firstHead; head < part.firstHead + part.heads; head++) {
            taken.push(band * numHeads + head);
          }
        }
      }
      const all = Array.from({ length: bandCount(args) * numHeads }, (_, i) => i);
      expect(taken.sort((a, b) => a - b)).toEqual(all);
    }),
  );
});
