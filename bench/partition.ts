// What frameworks do around attention, each a copy of its own; square images whose sides are multiples of the window.

/** torch.roll by `shift` along both axes, a line at a time where it does not wrap. */
export function roll(image: Float32Array, size: number, C: number, shift: number): Float32Array {
  const rolled = new Float32Array(image.length);
  const s = ((shift % size) + size) % size;
  for (let y = 0; y < size; y++) {
    const from = y * size * C;
    const to = ((y + s) % size) * size * C;
    rolled.set(image.subarray(from, from + (size - s) * C), to + s * C);
    rolled.set(image.subarray(from + (size - s) * C, from + size * C), to);
  }
  return rolled;
}

/** `[H, W, C]` → `[windows, L, C]`. */
export function partition(image: Float32Array, size: number, C: number, window: number): Float32Array {
  const windows = new Float32Array(image.length);
  forEachSegment(size, window, (from, to) => {
    windows.set(image.subarray(from * C, (from + window) * C), to * C);
  });
  return windows;
}

/** `[windows, L, C]` → `[H, W, C]`. */
export function reverse(windows: Float32Array, size: number, C: number, window: number): Float32Array {
  const image = new Float32Array(windows.length);
  forEachSegment(size, window, (to, from) => {
    image.set(windows.subarray(from * C, (from + window) * C), to * C);
  });
  return image;
}

/** Visits each line of each window: its first token in the image and among the windows. */
function forEachSegment(size: number, window: number, visit: (image: number, windows: number) => void): void {
  const columns = size / window;
  for (let y = 0; y < size; y++) {
    for (let column = 0; column < columns; column++) {
      const index = Math.floor(y / window) * columns + column;
      visit(y * size + column * window, (index * window + (y % window)) * window);
    }
  }
}

/** Part q, k or v of (windows, L, 3, H, D) → (windows, H, L, D). */
export function permute(windows: Float32Array, L: number, H: number, D: number, part: number): Float32Array {
  const out = new Float32Array(windows.length / 3);
  const count = out.length / (H * L * D);
  for (let w = 0; w < count; w++) {
    for (let h = 0; h < H; h++) {
      for (let l = 0; l < L; l++) {
        const from = (((w * L + l) * 3 + part) * H + h) * D;
        const to = ((w * H + h) * L + l) * D;
        for (let d = 0; d < D; d++) out[to + d] = windows[from + d] as number;
      }
    }
  }
  return out;
}

/** (windows, H, L, D) → (windows, L, H, D). */
export function unpermute(windows: Float32Array, L: number, H: number, D: number): Float32Array {
  const out = new Float32Array(windows.length);
  const count = out.length / (H * L * D);
  for (let w = 0; w < count; w++) {
    for (let h = 0; h < H; h++) {
      for (let l = 0; l < L; l++) {
        const to = ((w * L + l) * H + h) * D;
        const from = ((w * H + h) * L + l) * D;
        for (let d = 0; d < D; d++) out[to + d] = windows[from + d] as number;
      }
    }
  }
  return out;
}
