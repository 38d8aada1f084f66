// Weights (outputs, inputs) → panels of 8 outputs, as the tiles of `linear` and `linearInt8` read them. Each function packs
// `rows` ≤ 8 rows into one panel; the outputs that lack are zeros.

/** float32 → `[inputs][8]`. */
export function packLinear(weights: usize, rows: i32, inputs: i32, to: usize): void {
  pack<f32>(weights, rows, inputs, to);
}

/** float16 or bfloat16 → `[inputs][8]`. */
export function packLinearHalf(weights: usize, rows: i32, inputs: i32, to: usize): void {
  pack<u16>(weights, rows, inputs, to);
}

/** int8 → `[inputs / 2][8][2]`, a zero behind an odd number of inputs. */
export function packLinearInt8(weights: usize, rows: i32, inputs: i32, to: usize): void {
  const padded = (inputs + 1) & ~1;
  for (let j = 0; j < 8; j++, weights += inputs) {
    let at = to + ((<usize>j) << 1);
    for (let i = 0; i < padded; i += 2, at += 16) {
      store<i8>(at, j < rows ? load<i8>(weights + i) : 0);
      store<i8>(at, j < rows && i + 1 < inputs ? load<i8>(weights + i, 1) : 0, 1);
    }
  }
}

function pack<T>(weights: usize, rows: i32, inputs: i32, to: usize): void {
  const rowBytes = <usize>inputs * sizeof<T>();
  for (let j = 0; j < 8; j++, weights += rowBytes) {
    let at = to + <usize>j * sizeof<T>();
    for (let i: usize = 0; i < rowBytes; i += sizeof<T>(), at += 8 * sizeof<T>()) {
      store<T>(at, j < rows ? load<T>(weights + i) : <T>0);
    }
  }
}
