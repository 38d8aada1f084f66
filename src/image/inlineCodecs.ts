import type { CodecName, PackagedCodecs } from './codecs.js';

const TEXTS: Readonly<Record<CodecName, () => Promise<{ readonly default: string }>>> = {
  jpeg: () => import('../../build/codecs/jpegText.js'),
  png: () => import('../../build/codecs/pngText.js'),
  webp: () => import('../../build/codecs/webpText.js'),
};

/** The codecs as text, deflated in base64, each in a module that the first image of its format imports. */
export const inlineCodecs: PackagedCodecs = async (name) => {
  const { default: text } = await TEXTS[name]();
  const deflated = new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))]);
  const inflated = deflated.stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return WebAssembly.compile(await new Response(inflated).arrayBuffer());
};
