import { Arena } from '../arena.js';
import type { FloatTensor, Problem } from '../problem.js';
import type { Side } from '../side.js';
import { benchExports } from './standard.js';

/** Unfused forward and backward in the same wasm: P kept from the one for the other, as automatic differentiation does. */
export async function standardBackwardSide(
  { shape, q, k, v, bias }: Problem,
  dO: FloatTensor,
  isPlain: boolean,
): Promise<Side> {
  const { B, H, L, D } = shape;
  const kernel = await benchExports();
  const arena = new Arena(kernel);
  const allocate = (floats: number) => arena.allocate(floats);
  const length = B * H * L * D;
  const padded = Math.ceil(L / 8) * 8;
  const [atQ, atK, atV, atDO, atO] = Array.from({ length: 5 }, () => allocate(length)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const [dQ, dK, dV, scaled] = Array.from({ length: 4 }, () => allocate(length)) as [number, number, number, number];
  const [atBias, dBias] = [allocate(bias.data.length), allocate(H * L * padded)];
  const [p, dS] = [allocate(B * H * L * padded), allocate(B * H * L * padded)];
  const scratch = allocate(128 + (padded + 8) * (Math.ceil(D / 8) * 8 + 8));
  arena.grow();
  const floats = new Float32Array(kernel.memory.buffer);
  const put = (tensor: FloatTensor, pointer: number) => floats.set(tensor.data, pointer / 4);
  return {
    name: `standard attention, ${isPlain ? 'plain loops' : 'same tiles'}`,
    run() {
      for (const [tensor, pointer] of [
        [q, atQ],
        [k, atK],
        [v, atV],
        [dO, atDO],
        [bias, atBias],
      ] as const)
        put(tensor, pointer);
      const scale = D ** -0.5;
      kernel.standardAttention(
        Number(isPlain),
        B * H,
        H,
        L,
        D,
        1,
        atQ,
        atK,
        atV,
        atBias,
        0,
        atO,
        scale,
        p,
        scaled,
        scratch,
      );
      floats.fill(0, dBias / 4, dBias / 4 + H * L * padded);
      kernel.standardAttentionBackward(
        Number(isPlain),
        B * H,
        H,
        L,
        D,
        atQ,
        atK,
        atV,
        p,
        atDO,
        dQ,
        dK,
        dV,
        dBias,
        scale,
        dS,
        scratch,
      );
      const [gradient] = [dQ, dK, dV, atO].map((at) => floats.slice(at / 4, at / 4 + length));
      return gradient as Float32Array;
    },
    dispose() {},
  };
}
