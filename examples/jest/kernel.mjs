/** The kernel under test: window attention in plain JavaScript, float32. q, k, v: `[B, H, L, D]`; returns o, alike. */
export function attention({ q, k, v }) {
  const [B, H, L, D] = q.dims;
  const data = new Float32Array(q.data.length);
  for (let head = 0; head < B * H; head++) {
    const start = head * L * D;
    for (let i = 0; i < L; i++) {
      const scores = new Float32Array(L);
      for (let j = 0; j < L; j++) {
        for (let d = 0; d < D; d++) scores[j] += q.data[start + i * D + d] * k.data[start + j * D + d];
      }
      const max = scores.reduce((largest, score) => Math.max(largest, score / Math.sqrt(D)), -Infinity);
      const exponentials = scores.map((score) => Math.exp(score / Math.sqrt(D) - max));
      const sum = exponentials.reduce((total, e) => total + e, 0);
      for (let d = 0; d < D; d++) {
        let o = 0;
        for (let j = 0; j < L; j++) o += exponentials[j] * v.data[start + j * D + d];
        data[start + i * D + d] = o / sum;
      }
    }
  }
  return { data, dims: [...q.dims] };
}
