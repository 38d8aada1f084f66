import { nodeBuiltin } from './host.js';

/** Bytes that come deflated, in base64. */
export async function inflate(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const deflated = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  // Node's streams and `Response` are modules that it loads when they are first used: 5 MB.
  const zlib = nodeBuiltin('node:zlib');
  if (zlib) return new Uint8Array(zlib.inflateRawSync(deflated));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
