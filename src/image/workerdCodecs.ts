import jpeg from '../../build/codecs/jpeg.wasm';
import png from '../../build/codecs/png.wasm';
import webp from '../../build/codecs/webp.wasm';
import type { PackagedCodecs } from './codecs.js';

/** The codecs for Cloudflare Workers, which import WebAssembly compiled and compile nothing themselves. */
export const workerdCodecs: PackagedCodecs = async (name) => ({ jpeg, png, webp })[name];
