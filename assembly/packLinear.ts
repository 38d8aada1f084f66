/**
 * int8 weights (outputs, inputs) → panels of 8 outputs `[inputs / 2][8][2]`, of which `rows` ≤ 8 rows from one panel on;
 * the outputs that lack are zeros, and so is what follows an odd number of inputs.
 */
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
