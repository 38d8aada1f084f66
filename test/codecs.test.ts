import { readFileSync } from 'node:fs';
import { afterEach, expect, it, vi } from 'vitest';
import { type CodecName, Codecs } from '../src/image/codecs.js';
import { decodeImage } from '../src/image/index.js';

const FILES: Readonly<Record<CodecName, string>> = {
  jpeg: 'jpeg-420.jpg',
  webp: 'webp-lossy.webp',
  png: 'png-type2-depth8.png',
};
const file = (name: CodecName) => new Uint8Array(readFileSync(`test/golden/images/files/${FILES[name]}`));

afterEach(() => vi.restoreAllMocks());

it.each(Object.keys(FILES) as CodecName[])(
  'rejects where the host cannot instantiate %s, and tries again',
  async (name) => {
    const codecs = new Codecs();
    const decode = () => codecs.with(name, (codec) => codec.decode(file(name)));
    for (const method of ['compile', 'instantiate'] as const) {
      const refusal = new RangeError(`no memory to ${method}`);
      vi.spyOn(WebAssembly, method).mockRejectedValueOnce(refusal);
      await expect(decode()).rejects.toBe(refusal);
      vi.restoreAllMocks();
    }
    expect((await decode()).data).toEqual((await decodeImage(file(name))).data);
  },
);
