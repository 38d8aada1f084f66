// What frameworks do around attention, each a copy of its own, as fast as WebAssembly copies: `memory.copy` for lines of
// an image, vectors for a head's rows, which a call of it would take longer than. Images are square, their sides
// multiples of the window, and D is a multiple of 4.

/** torch.roll of an image (size, size, C) by `shift` ≥ 0 along both axes, a line at a time where it does not wrap. */
export function roll(from: usize, size: i32, C: i32, shift: i32, to: usize): void {
  const tokenBytes = (<usize>C) << 2;
  const lineBytes = <usize>size * tokenBytes;
  const wrapped = <usize>shift * tokenBytes;
  for (let y = 0; y < size; y++, from += lineBytes) {
    const line = to + <usize>((y + shift) % size) * lineBytes;
    memory.copy(line + wrapped, from, lineBytes - wrapped);
    memory.copy(line, from + lineBytes - wrapped, wrapped);
  }
}

/** (size, size, C) → (windows, L, C). */
export function windowPartition(image: usize, size: i32, C: i32, window: i32, windows: usize): void {
  const lineBytes = (<usize>(window * C)) << 2;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x += window, image += lineBytes) {
      memory.copy(windows + lineOfWindow(y, x, size, window) * lineBytes, image, lineBytes);
    }
  }
}

/** (windows, L, C) → (size, size, C). */
export function windowReverse(windows: usize, size: i32, C: i32, window: i32, image: usize): void {
  const lineBytes = (<usize>(window * C)) << 2;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x += window, image += lineBytes) {
      memory.copy(image, windows + lineOfWindow(y, x, size, window) * lineBytes, lineBytes);
    }
  }
}

/** The line of all windows' lines that begins at a token of the image. */
// @ts-ignore: decorator
@inline
function lineOfWindow(y: i32, x: i32, size: i32, window: i32): usize {
  return <usize>(((y / window) * (size / window) + x / window) * window + (y % window));
}

/** (windows, L, parts, H, D) → (parts, windows, H, L, D): q, k and v of three parts. */
export function permuteHeads(from: usize, windows: i32, L: i32, parts: i32, H: i32, D: i32, to: usize): void {
  const rowBytes = (<usize>D) << 2;
  const tokenBytes = <usize>(parts * H) * rowBytes;
  for (let part = 0; part < parts; part++) {
    for (let w = 0; w < windows; w++) {
      for (let h = 0; h < H; h++) {
        let row = from + <usize>(w * L) * tokenBytes + <usize>(part * H + h) * rowBytes;
        for (let l = 0; l < L; l++, row += tokenBytes, to += rowBytes) copyRow(row, rowBytes, to);
      }
    }
  }
}

/** (windows, H, L, D) → (windows, L, H, D). */
export function mergeHeads(from: usize, windows: i32, L: i32, H: i32, D: i32, to: usize): void {
  const rowBytes = (<usize>D) << 2;
  const headBytes = <usize>L * rowBytes;
  for (let w = 0; w < windows; w++, from += <usize>H * headBytes) {
    for (let l = 0; l < L; l++) {
      let row = from + <usize>l * rowBytes;
      for (let h = 0; h < H; h++, row += headBytes, to += rowBytes) copyRow(row, rowBytes, to);
    }
  }
}

// @ts-ignore: decorator
@inline
function copyRow(from: usize, bytes: usize, to: usize): void {
  let at: usize = 0;
  for (; at + 64 <= bytes; at += 64) {
    const x0 = v128.load(from + at);
    const x1 = v128.load(from + at, 16);
    const x2 = v128.load(from + at, 32);
    const x3 = v128.load(from + at, 48);
    v128.store(to + at, x0);
    v128.store(to + at, x1, 16);
    v128.store(to + at, x2, 32);
    v128.store(to + at, x3, 48);
  }
  for (; at < bytes; at += 16) v128.store(to + at, v128.load(from + at));
}
