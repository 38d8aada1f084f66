/** Decoded pixels: `data` holds rows of RGB or RGBA bytes, interleaved. */
export interface RawImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** Decoded pixels as RGBA bytes. */
export interface RgbaImage extends RawImage {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}
