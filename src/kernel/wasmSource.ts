/** What `createWindowAttention` reads of a fetch's answer; declared here, since `Response` is no part of the language. */
export interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * The attention kernel in place of the package's own: a `WebAssembly.Module`, the bytes of one, a URL (as an object or as
 * text, of a file in Node), or a `Response` or its promise.
 */
export type WasmSource = string | object;
