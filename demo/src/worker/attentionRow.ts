import type { AttentionArgs, Tensor, TensorLike, WindowAttention } from 'flash-window-attention';
import { windowAttention } from 'flash-window-attention/reference';
import type { AttentionRow, Chunk, Steps } from '../protocol.js';
import type { BlockWindows } from './windows.js';

/** One window and head, as `forward` takes it: B = H = 1. */
interface Unit {
  readonly q: Tensor<Float64Array>;
  readonly k: Tensor<Float64Array>;
  readonly v: Tensor<Float64Array>;
  readonly bias?: Tensor;
  readonly mask?: Tensor;
}

/** Features that one step of the moving picture adds. */
const CHUNK_DIM = 8;

/** The attention of `token` by the kernel, and by the float64 reference beside it. */
export async function attentionRow(
  windows: BlockWindows,
  head: number,
  token: number,
  engine: WindowAttention,
): Promise<AttentionRow> {
  const L = windows.q.dims[2] as number;
  const at = windows.tokens.indexOf(token);
  if (at < 0) throw new RangeError(`token ${token} expected to be one of the block's ${windows.tokens.length}`);
  const [window, query] = [Math.floor(at / L), at % L];
  const unit = unitOf(windows, window, head);
  const own = (P: ArrayLike<number>) => Array.from({ length: L }, (_, j) => P[query * L + j] as number);
  const row = own(await probabilities(unit, async (args) => (await engine.forward(args)).o.data));
  const reference = own(await probabilities(unit, async (args) => windowAttention(args).o.data));
  const sum = row.reduce((total, p) => total + p, 0);
  const largestDifference = Math.max(...row.map((p, j) => Math.abs(p - (reference[j] as number))));
  return { window, query, row, reference, sum, largestDifference };
}

/** P `[L, L]` of a kernel that returns only O: what it makes of the columns of an identity, D at a time, as values. */
async function probabilities(
  unit: Unit,
  attend: (args: AttentionArgs) => Promise<ArrayLike<number>>,
): Promise<Float64Array> {
  const [, , L, D] = unit.q.dims as [number, number, number, number];
  const P = new Float64Array(L * L);
  for (let from = 0; from < L; from += D) {
    const v = new Float64Array(L * D);
    for (let j = from; j < Math.min(from + D, L); j++) v[j * D + j - from] = 1;
    const o = await attend({ ...unit, v: { data: v, dims: [1, 1, L, D] } });
    for (let i = 0; i < L; i++) {
      for (let j = from; j < Math.min(from + D, L); j++) P[i * L + j] = o[i * D + j - from] as number;
    }
  }
  return P;
}

function unitOf({ q, k, v, bias, mask }: BlockWindows, window: number, head: number): Unit {
  const [, H, L, D] = q.dims as [number, number, number, number];
  const part = ({ data }: TensorLike, at: number, dims: readonly number[]) => {
    const size = dims.reduce((product, dim) => product * dim, 1);
    return { data: Float64Array.from({ length: size }, (_, n) => Number(data[at * size + n])), dims };
  };
  const of = (x: Tensor<Float64Array>) => part(x, window * H + head, [1, 1, L, D]);
  return {
    q: of(q),
    k: of(k),
    v: of(v),
    ...(bias && { bias: part(bias, head, [1, L, L]) }),
    ...(mask && { mask: part(mask, window, [1, L, L]) }),
  } as Unit;
}

/** The report's Algorithm 1 on one window and head, one step after the other. */
export async function stepsOf(
  windows: BlockWindows,
  window: number,
  head: number,
  after: Tensor<Float64Array>,
): Promise<Steps> {
  const [, H, L, D] = windows.q.dims as [number, number, number, number];
  const unit = unitOf(windows, window, head);
  const S = Float64Array.from(
    { length: L * L },
    (_, at) => Number(unit.bias?.data[at] ?? 0) + Number(unit.mask?.data[at] ?? 0),
  );
  const chunks: Chunk[] = [];
  for (let from = 0; from < D; from += CHUNK_DIM) {
    const to = Math.min(from + CHUNK_DIM, D);
    S.forEach((_, at) => {
      const [i, j] = [Math.floor(at / L), at % L];
      for (let d = from; d < to; d++) {
        const product = (unit.q.data[i * D + d] as number) * (unit.k.data[j * D + d] as number);
        S[at] = (S[at] as number) + D ** -0.5 * product;
      }
    });
    chunks.push({ from, to, S: Array.from(S) });
  }
  const P = await probabilities(unit, async (args) => windowAttention(args).o.data);
  const before = new Array<number>(windows.tokens.length).fill(0);
  windows.tokens.forEach((token, at) => {
    const [w, i] = [Math.floor(at / L), at % L];
    const heads = Array.from({ length: H }, (_, h) => (w * H + h) * L + i);
    before[token] = Math.hypot(...heads.flatMap((row) => Array.from(windows.v.data.subarray(row * D, (row + 1) * D))));
  });
  return {
    L,
    D,
    chunks,
    P: Array.from(P),
    O: Array.from(windowAttention(unit).o.data),
    before,
    after: before.map((_, token) => Math.hypot(...after.data.subarray(token * H * D, (token + 1) * H * D))),
  };
}
