import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../src/safetensors/index.js';
import { SwinBackbone, SwinForImageClassification, SwinModel } from '../src/swin/index.js';
import { quantizeStateDict } from '../src/swin/quantizeStateDict.js';
import { float32Tensor, product, type Tensor, type TensorLike } from '../src/tensor/tensor.js';
import { smallSwin } from './support/smallSwin.js';

describe('a quantization_config', () => {
  const { tensors, config } = smallSwin();
  const matrix = Object.keys(tensors).find((name) => name.endsWith('q_proj.weight')) as string;
  const layer = matrix.slice(0, -'.weight'.length);
  const { dims } = tensors[matrix] as Tensor;
  const [outputs, inputs] = dims as [number, number];
  const float = (...of: number[]) => float32Tensor(of);
  const int8 = { data: new Int8Array(outputs * inputs), dims, type: 'int8' };
  const byte = (...of: number[]) => ({ data: new Uint8Array(product(of)), dims: of, type: 'uint8' });
  const int32 = (...of: number[]) => ({ data: new Int32Array(product(of)), dims: of, type: 'int32' });
  const int32Names = { [`${layer}.qweight`]: int32(inputs / 8, outputs), [`${layer}.qzeros`]: int32(1, outputs / 8) };

  // What each writes in place of a linear layer's matrix.
  it.each([
    ['bitsandbytes', { [matrix]: int8, [`${layer}.SCB`]: float(outputs), [`${layer}.weight_format`]: byte() }],
    ['bitsandbytes', { [matrix]: byte((outputs * inputs) / 2, 1), [`${matrix}.absmax`]: byte(outputs) }],
    ['gptq', { ...int32Names, [`${layer}.g_idx`]: int32(inputs), [`${layer}.scales`]: float(1, outputs) }],
    ['awq', { ...int32Names, [`${layer}.scales`]: float(1, outputs) }],
    ['quanto', { [`${matrix}._data`]: int8, [`${matrix}._scale`]: float(outputs, 1) }],
    ['eetq', { [matrix]: int8, [`${layer}.weight_scales`]: float(outputs) }],
  ] as [string, Record<string, TensorLike>][])('of %s names it where its tensors are its own', async (method, own) => {
    const quantized = { ...config, quantization_config: { quant_method: method } };
    const { [matrix]: _, ...others } = tensors;
    const expected = new RegExp(`^"config.quantization_config" expected .* got "${method}": .*"?${layer}`);
    for (const Model of [SwinForImageClassification, SwinModel, SwinBackbone]) {
      await expect(Model.fromStateDict({ ...others, ...own }, quantized)).rejects.toThrow(expected);
    }
    expect(() => quantizeStateDict({ ...others, ...own }, quantized)).toThrow(expected);
    const weights = writeSafetensors({ ...others, ...own } as Record<string, Tensor>);
    const load = SwinForImageClassification.fromPretrained({ config: quantized, weights });
    await expect(load).rejects.toThrow(expected);
    // Floats are read whatever it says.
    await (await SwinForImageClassification.fromStateDict(tensors, quantized)).dispose();
  });

  it('of another format of compressed-tensors is named, and one that is read is not', async () => {
    const own = { ...tensors, [matrix]: int8 };
    const refusal = (quantization_config: object | null) =>
      SwinForImageClassification.fromStateDict(own, { ...config, quantization_config }).catch(String);
    const plain = `RangeError: tensor "${matrix}_scale" expected with dims [${outputs}, 1], got none of that name`;
    for (const format of ['int-quantized', 'naive-quantized', undefined])
      expect(await refusal({ quant_method: 'compressed-tensors', format })).toBe(plain);
    expect(await refusal(null)).toBe(plain);
    expect(await refusal({ quant_method: 'compressed-tensors', format: 'pack-quantized' })).toBe(
      plain.replace(
        'RangeError: ',
        'RangeError: "config.quantization_config" expected compressed-tensors\' "int-quantized", or tensors of floats, ' +
          'got "compressed-tensors" of format "pack-quantized": ',
      ),
    );
  });

  it('of fp8 is named beside the type that no tensor may have', async () => {
    const files = await mkdtemp(join(tmpdir(), 'fp8-'));
    const header = JSON.stringify({ w: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } });
    const bytes = Buffer.alloc(8 + header.length + 1);
    bytes.writeBigUInt64LE(BigInt(header.length));
    bytes.write(header, 8);
    await writeFile(join(files, 'model.safetensors'), bytes);
    await writeFile(
      join(files, 'config.json'),
      JSON.stringify({ ...config, quantization_config: { quant_method: 'fp8' } }),
    );
    const load = SwinForImageClassification.fromPretrained(files);
    await expect(load).rejects.toThrow(/"config.quantization_config" expected .* got "fp8": .*"F8_E4M3"/);
    await rm(files, { recursive: true });
  });
});
