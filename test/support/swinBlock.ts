import type { ShiftedWindowArgs } from '../../src/index.js';
import { continuousPositionBias, gelu, layerNorm, linear, relativePositionBias } from '../../src/reference/index.js';
import { float64Tensor, type Tensor, type TensorLike, toFloat64 } from '../../src/tensor/tensor.js';
import { type GoldenCase, tensorOf } from './golden.js';

const EPS = 1e-5;

/** A whole golden `SwinTransformerBlock` of Microsoft's, V1 or V2, in float64 around the attention given. */
export async function swinBlock(
  golden: GoldenCase,
  attend: (args: ShiftedWindowArgs) => Promise<Tensor>,
): Promise<Tensor> {
  const w = (name: string) => tensorOf(golden, `w.${name}`);
  const [H, W] = golden.params.resolution as [number, number];
  const windowSize = golden.params.windowSize as number;
  const shiftSize = Math.min(H, W) <= windowSize ? 0 : (golden.params.shiftSize as number);
  const x = tensorOf(golden, 'x');
  const [B, , C] = x.dims as [number, number, number];
  const isV2 = golden.tensors['w.attn.logit_scale'] !== undefined;
  const norm = (y: TensorLike, name: string) => layerNorm(y, w(`${name}.weight`), w(`${name}.bias`), EPS);

  const qkvBias = isV2
    ? float64Tensor(
        [3 * C],
        Float64Array.of(...toFloat64(w('attn.q_bias')), ...new Float64Array(C), ...toFloat64(w('attn.v_bias'))),
      )
    : w('attn.qkv.bias');
  const qkv = linear(isV2 ? x : norm(x, 'norm1'), w('attn.qkv.weight'), qkvBias);
  const o = await attend({
    qkv: { ...qkv, dims: [B, H, W, 3 * C] },
    numHeads: golden.params.heads as number,
    windowSize,
    shiftSize,
    relativePositionBias: isV2
      ? continuousPositionBias({
          windowSize,
          weight0: w('attn.cpb_mlp.0.weight'),
          bias0: w('attn.cpb_mlp.0.bias'),
          weight2: w('attn.cpb_mlp.2.weight'),
        })
      : relativePositionBias(w('attn.relative_position_bias_table'), windowSize),
    ...(isV2 && { logitScale: w('attn.logit_scale') }),
  });
  const projected = linear({ ...o, dims: x.dims }, w('attn.proj.weight'), w('attn.proj.bias'));
  const attended = add(x, isV2 ? norm(projected, 'norm1') : projected);
  const hidden = gelu(linear(isV2 ? attended : norm(attended, 'norm2'), w('mlp.fc1.weight'), w('mlp.fc1.bias')));
  const mlp = linear(hidden, w('mlp.fc2.weight'), w('mlp.fc2.bias'));
  return add(attended, isV2 ? norm(mlp, 'norm2') : mlp);
}

function add(a: TensorLike, b: TensorLike): Tensor<Float64Array> {
  const y = toFloat64(b);
  return float64Tensor(
    a.dims,
    Float64Array.from(toFloat64(a), (value, i) => value + (y[i] as number)),
  );
}
