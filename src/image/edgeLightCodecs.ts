import jpeg from '../../build/codecs/jpeg.wasm?module';
import png from '../../build/codecs/png.wasm?module';
import webp from '../../build/codecs/webp.wasm?module';
import type { PackagedCodecs } from './codecs.js';

/** The codecs for Vercel's edge functions, which import WebAssembly compiled and compile nothing themselves. */
export const edgeLightCodecs: PackagedCodecs = async (name) => ({ jpeg, png, webp })[name];
