import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWindowAttention, type WindowAttention } from '../src/index.js';
import { SwinBackbone, type SwinConfig, SwinForImageClassification, SwinModel } from '../src/swin/index.js';
import { float32Tensor, type Tensor, toFloat32 } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { relativeError } from './support/errors.js';
import { type GoldenCase, goldenCases, tensorOf } from './support/golden.js';
import { configOf, stateDictOf } from './support/upstream.js';

type StateDict = Record<string, Tensor>;

const golden = Object.fromEntries(
  ['models', 'upstream', 'backbones'].flatMap(goldenCases).map((one) => [one.name, one]),
) as Record<string, GoldenCase>;
const caseOf = (name: string) => golden[name] as GoldenCase;

function renamed(dict: StateDict, rename: (name: string) => string): StateDict {
  return Object.fromEntries(Object.entries(dict).map(([name, tensor]) => [rename(name), tensor]));
}

/** What MMDetection's `swin_converter` makes of Microsoft's names and of their order of patch merging. */
function openMmLab(dict: StateDict): StateDict {
  return Object.fromEntries(
    Object.entries(dict).map(([name, tensor]) => [
      name
        .replace(/^layers/, 'stages')
        .replace('attn.', 'attn.w_msa.')
        .replace('mlp.fc1', 'ffn.layers.0.0')
        .replace('mlp.fc2', 'ffn.layers.1')
        .replace('patch_embed.proj', 'patch_embed.projection'),
      name.includes('downsample') ? unfoldOrder(tensor) : tensor,
    ]),
  );
}

/** The last axis, four groups of channels, in the order of `torch.unfold`. */
function unfoldOrder(tensor: Tensor): Tensor {
  const width = tensor.dims.at(-1) as number;
  const C = width / 4;
  const data = toFloat32(tensor);
  const ordered = data.map((_, i) => {
    const column = i % width;
    const group = [0, 2, 1, 3][column % 4] as number;
    return data[i - column + group * C + Math.floor(column / 4)] as number;
  });
  return float32Tensor(tensor.dims, ordered);
}

let attention: WindowAttention;
beforeAll(async () => {
  attention = await createWindowAttention();
});
afterAll(() => attention.dispose());

async function logitsOf(dict: StateDict, { name, params, tensors }: GoldenCase): Promise<Tensor> {
  const config = configOf({ name, params, tensors }, tensorOf({ name, params, tensors }, 'logits').dims[1] as number);
  const model = await SwinForImageClassification.fromStateDict(dict, config, { attention });
  const { logits } = await model.forward(tensorOf({ name, params, tensors }, 'x'));
  await model.dispose();
  return logits;
}

async function expectMaps(dict: StateDict, one: GoldenCase, outFeatures: string[], config: object = {}): Promise<void> {
  const model = await SwinBackbone.fromStateDict(dict, { ...configOf(one), ...config } as SwinConfig, {
    attention,
    outFeatures,
  });
  const { featureMaps } = await model.forward(tensorOf(one, 'x'));
  featureMaps.forEach((map, i) => {
    expect(relativeError(map, tensorOf(one, `map${i}`))).toBeLessThanOrEqual(1e-5);
  });
}

describe('A state dict', () => {
  const classifiers = ['hf_v1_0', 'hf_v2_0', 'tv_v1_0', 'tv_v2_0', 'timm_v1_0', 'ms_v1_0'];
  const prefixes = ['module.', '_orig_mod.', 'module._orig_mod.', 'model.', 'backbone.', 'encoder.', 'a.b.c.'];

  it.each(classifiers)('of %s is found under any prefix', async (name) => {
    const one = caseOf(name);
    const dict = stateDictOf(one);
    for (const prefix of prefixes) {
      const logits = await logitsOf(
        renamed(dict, (key) => prefix + key),
        one,
      );
      expect(relativeError(logits, tensorOf(one, 'logits'))).toBeLessThanOrEqual(3e-5);
    }
  });

  it.each(classifiers)('of %s gives a model and a backbone, its head ignored', async (name) => {
    const one = caseOf(name);
    const dict = { ...stateDictOf(one), 'decode_head.conv.weight': tensorOf(one, 'x') };
    const config = configOf(one);
    const model = await SwinModel.fromStateDict(dict, config, { attention });
    const { lastHiddenState, hiddenStates } = await model.forward(tensorOf(one, 'x'), { hiddenStates: true });
    expect(lastHiddenState.dims).toEqual(hiddenStates?.at(-1)?.dims);
    const backbone = await SwinBackbone.fromStateDict(dict, config, { attention, outFeatures: ['stem', 'stage2'] });
    const { featureMaps } = await backbone.forward(tensorOf(one, 'x'));
    expect(featureMaps.map(({ dims }) => dims[1])).toEqual([16, 32]);
  });

  it('of transformers before version 5 and since then gives the same bits', async () => {
    const one = caseOf('hf_v1_0');
    const since: StateDict = {};
    for (const [name, tensor] of Object.entries(stateDictOf(one))) {
      const key = name
        .replace(
          'attention.self.relative_position_bias_table',
          'attention.relative_position_bias.relative_position_bias_table',
        )
        .replace(/attention\.self\.(query|key|value)/, (_, part) => `attention.${part[0]}_proj`)
        .replace('attention.output.dense', 'attention.o_proj')
        .replace('intermediate.dense', 'mlp.fc1')
        .replace(/(blocks\.\d+)\.output\.dense/, '$1.mlp.fc2');
      since[key] = tensor;
    }
    expect(Object.keys(since).some((name) => name.endsWith('attention.q_proj.weight'))).toBe(true);
    expect((await logitsOf(since, one)).data).toEqual((await logitsOf(stateDictOf(one), one)).data);
  });

  it('of timm without a head, and by the names of features_only, is timm’s, not Microsoft’s', async () => {
    const one = caseOf('timm_headless');
    const dict = stateDictOf(one);
    const { 'norm.weight': _, 'norm.bias': __, ...rest } = dict;
    const flat = renamed(rest, (name) => name.replace(/^layers\.(\d)\./, 'layers_$1.'));
    const maps = async (tensors: StateDict) => {
      const model = await SwinBackbone.fromStateDict(tensors, configOf(one), { attention });
      return (await model.forward(tensorOf(one, 'x'))).featureMaps;
    };
    const expected = await maps(dict);
    expect(expected.map(({ dims }) => dims)).toEqual([
      [1, 16, 14, 10],
      [1, 32, 7, 5],
      [1, 64, 4, 3],
    ]);
    expect((await maps(flat)).map(({ data }) => data)).toEqual(expected.map(({ data }) => data));
    const model = await SwinModel.fromStateDict(flat, configOf(one), { attention });
    const { poolerOutput } = await model.forward(tensorOf(one, 'x'));
    const last = expected[2]?.data as Float32Array;
    const means = Float64Array.from({ length: 64 }, (_, c) => {
      return last.subarray(12 * c, 12 * c + 12).reduce((sum, value) => sum + value / 12, 0);
    });
    expect(relativeError(poolerOutput, { data: means, dims: [1, 64] })).toBeLessThanOrEqual(1e-6);
  });

  it('of Microsoft’s classifier by MMPretrain’s names gives its logits', async () => {
    const one = caseOf('ms_v1_0');
    const dict = openMmLab(stateDictOf(one));
    const mmpretrain = renamed(dict, (name) =>
      name.startsWith('head.') ? name.replace('head.', 'head.fc.') : `backbone.${name.replace(/^norm\./, 'norm1.')}`,
    );
    expect(relativeError(await logitsOf(mmpretrain, one), tensorOf(one, 'logits'))).toBeLessThanOrEqual(1e-5);
  });

  it.each(['detection0', 'detection1'])(
    'of %s is found by MMDetection’s names, beside buffers and a detector',
    async (name) => {
      const one = caseOf(name);
      const index = float32Tensor([9, 9]);
      const outFeatures = ['stage1', 'stage2', 'stage3'];
      const dict = {
        ...renamed(openMmLab(stateDictOf(one)), (key) => `backbone.${key}`),
        'backbone.stages.0.blocks.0.attn.w_msa.relative_position_index': index,
        'neck.lateral_convs.0.conv.weight': index,
      };
      await expectMaps(dict, one, outFeatures);
      const buffers = {
        'bb.layers.0.blocks.0.attn.relative_position_index': index,
        'bb.layers.0.blocks.1.attn_mask': index,
      };
      await expectMaps({ ...renamed(stateDictOf(one), (key) => `bb.${key}`), ...buffers }, one, outFeatures);
    },
  );

  it('of MaskFormer and of DETR’s kin is found, its norms numbered or named', async () => {
    const one = caseOf('hf_backbone_swin');
    const stages = ['stage1', 'stage2', 'stage3'];
    const rest = {
      ...one,
      tensors: {
        ...one.tensors,
        map0: tensorOf(one, 'map1'),
        map1: tensorOf(one, 'map2'),
        map2: tensorOf(one, 'map3'),
      },
    };
    const maskformer = renamed(stateDictOf(one), (name) => {
      const numbered = name.replace(
        /^hidden_states_norms\.stage(\d)/,
        (_, stage) => `hidden_states_norms.${stage - 1}`,
      );
      return `model.pixel_level_module.encoder.${numbered.replace(/^swin\./, 'model.')}`;
    });
    await expectMaps(maskformer, rest, stages, { model_type: 'maskformer-swin' });
    const dino = renamed(
      stateDictOf(one),
      (name) => `model.backbone.conv_encoder.model.${name.replace(/^swin\./, '')}`,
    );
    await expectMaps(dino, rest, stages);
  });

  it('of Donut is found inside of its encoder and decoder, with the config of both', async () => {
    const one = caseOf('donut');
    const dict = {
      ...renamed(stateDictOf(one), (name) => `encoder.${name}`),
      'decoder.embed.weight': tensorOf(one, 'x'),
    };
    const config = { model_type: 'vision-encoder-decoder', encoder: configOf(one) } as unknown as SwinConfig;
    const model = await SwinModel.fromStateDict(dict, config, { attention });
    const { lastHiddenState } = await model.forward(tensorOf(one, 'x'));
    expect(relativeError(lastHiddenState, tensorOf(one, 'last_hidden_state'))).toBeLessThanOrEqual(1e-5);
  });

  it('of no Swin, of two, or of another depth is refused by name', async () => {
    const one = caseOf('ms_v1_0');
    const dict = stateDictOf(one);
    const config = configOf(one);
    const load = (tensors: StateDict) => SwinForImageClassification.fromStateDict(tensors, config);
    await expect(load({ 'a.weight': tensorOf(one, 'x'), 'b.bias': tensorOf(one, 'x') })).rejects.toThrow(
      /a Swin by the names of transformers, torchvision, timm, Microsoft or OpenMMLab .*, got "a.weight", "b.bias"$/,
    );
    await expect(load({})).rejects.toThrow(/got none$/);
    await expect(load({ ...dict, ...renamed(dict, (name) => `ema.${name}`) })).rejects.toThrow(
      /one Swin, got 2, under the prefixes "", "ema."/,
    );
    const { 'head.weight': _, 'head.bias': __, ...headless } = dict;
    await expect(load(headless)).rejects.toThrow(/tensor "head.weight" expected with dims \[10, 32\], got none/);
    const deeper = { ...dict, 'layers.0.blocks.2.norm1.weight': dict['layers.0.blocks.0.norm1.weight'] as Tensor };
    await expect(SwinModel.fromStateDict(deeper, config)).rejects.toThrow(/got "layers.0.blocks.2.norm1.weight"/);
  });
});

describe('SwinBackbone', () => {
  it('refuses feature maps that an architecture has not, and norms that a checkpoint lacks', async () => {
    const one = caseOf('detection0');
    const load = (outFeatures: string[], dict = stateDictOf(one)) =>
      SwinBackbone.fromStateDict(dict, configOf(one), { attention, outFeatures });
    await expect(load(['stage4'])).rejects.toThrow(
      /"outFeatures" expected each of "stem", "stage1", "stage2", "stage3" once at most, got \["stage4"\]/,
    );
    await expect(load(['stage1', 'stage1'])).rejects.toThrow(/"outFeatures" expected each of/);
    await expect(load([])).rejects.toThrow(/"outFeatures" expected a feature map or more/);
    const { 'norm0.weight': _, 'norm0.bias': __, ...rest } = stateDictOf(one);
    await expect(load(['stage1'], rest)).rejects.toThrow(/tensor "norm0.weight" expected with dims \[16\]/);
  });

  it('resizes a detection backbone’s position embeddings, which a classifier refuses to', async () => {
    const one = caseOf('ms_v1_ape');
    const dict = stateDictOf(one);
    const table = toFloat32(dict.absolute_pos_embed as Tensor);
    const planar = Float32Array.from(table, (_, i) => table[(i % 64) * 16 + Math.floor(i / 64)] as number);
    const { 'norm.weight': weight, 'norm.bias': bias, 'head.weight': _, 'head.bias': __, ...rest } = dict;
    const detection = {
      ...rest,
      absolute_pos_embed: float32Tensor([1, 16, 8, 8], planar),
      'norm1.weight': weight as Tensor,
      'norm1.bias': bias as Tensor,
    };
    const config = configOf(one, 5);
    const load = (tensors: StateDict) =>
      SwinBackbone.fromStateDict(tensors, config, { attention, outFeatures: ['stem'] });
    const pixels = randomTensor([1, 3, 32, 32], randomNumbers(1));
    const stem = async (tensors: StateDict, image: Tensor) =>
      (await (await load(tensors)).forward(image)).featureMaps[0];
    expect((await stem(detection, pixels))?.data).toEqual((await stem({ ...rest }, pixels))?.data);
    const larger = randomTensor([1, 3, 40, 64], randomNumbers(2));
    expect((await stem(detection, larger))?.dims).toEqual([1, 16, 10, 16]);
    await expect(stem({ ...rest }, larger)).rejects.toThrow(/"pixelValues" expected 8 × 8 patches, .* got 10 × 16/);
  });
});
