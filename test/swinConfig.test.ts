import { describe, expect, it } from 'vitest';
import { checkConfig } from '../src/swin/config.js';
import type { SwinConfig, TimmConfig } from '../src/swin/index.js';

const TINY: SwinConfig = { model_type: 'swin', embed_dim: 96, depths: [2, 2, 6, 2], num_heads: [3, 6, 12, 24] };

/** A `config.json` as timm writes it. */
function timm(architecture: string, change: object = {}): TimmConfig {
  return {
    architecture,
    num_classes: 1000,
    pretrained_cfg: { input_size: [3, 224, 224], mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], pool_size: [7, 7] },
    ...change,
  };
}

describe('A config', () => {
  it('has transformers’ defaults', () => {
    const { imageSize, patchSize, numChannels, stages, layerNormEps, isSingleLabel, labels } = checkConfig(TINY);
    expect({ imageSize, patchSize, numChannels, layerNormEps }).toEqual({
      imageSize: [224, 224],
      patchSize: [4, 4],
      numChannels: 3,
      layerNormEps: 1e-5,
    });
    expect(stages.map(({ windowSize }) => windowSize)).toEqual(Array(4).fill([7, 7]));
    expect(isSingleLabel).toBe(true);
    expect(labels).toEqual(['LABEL_0', 'LABEL_1']);
  });

  it('has one window, [height, width] or one a stage', () => {
    const windowsOf = (window_size: NonNullable<SwinConfig['window_size']>) =>
      checkConfig({ ...TINY, window_size }).stages.map(({ windowSize }) => windowSize);
    expect(windowsOf([6, 8])).toEqual(Array(4).fill([6, 8]));
    expect(windowsOf([7, 7, 14, [7, 5]])).toEqual([
      [7, 7],
      [7, 7],
      [14, 14],
      [7, 5],
    ]);
    expect(() => windowsOf([7, 7, 14])).toThrow(/"config.window_size" expected .* one a stage of 4, got \[7, 7, 14\]/);
    expect(() => windowsOf([7, 7, 0, 7])).toThrow(/"config.window_size\[2\]" expected an integer from 1/);
  });

  it.each([
    ['swin_tiny_patch4_window7_224', 'swin', 96, [2, 2, 6, 2], [7, 7, 7, 7], 0],
    ['swin_large_patch4_window12_384', 'swin', 192, [2, 2, 18, 2], [12, 12, 12, 12], 0],
    ['swin_s3_tiny_224', 'swin', 96, [2, 2, 6, 2], [7, 7, 14, 7], 0],
    ['swin_s3_base_224', 'swin', 96, [2, 2, 30, 2], [7, 7, 14, 7], 0],
    ['swinv2_small_window16_256', 'swinv2', 96, [2, 2, 18, 2], [16, 16, 16, 16], 0],
    ['swinv2_base_window12to24_192to384', 'swinv2', 128, [2, 2, 18, 2], [24, 24, 24, 24], 12],
  ])('of timm’s hub, %s, is read', (name, type, C, depths, windows, pretrained) => {
    const { modelType, stages, labels } = checkConfig(timm(name));
    expect(modelType).toBe(type);
    expect(stages[0]?.C).toBe(C);
    expect(stages.map(({ depth }) => depth)).toEqual(depths);
    expect(stages.map(({ windowSize }) => windowSize[0])).toEqual(windows);
    expect(stages[0]?.pretrainedWindowSize).toBe(pretrained);
    expect(labels.length).toBe(1000);
  });

  it('of timm’s hub has its image size, channels, labels and arguments', () => {
    const change = {
      num_classes: 2,
      label_names: ['cat', 'dog'],
      pretrained_cfg: { input_size: [1, 192, 256] },
      model_args: { window_size: [6, 8], embed_dim: 48 },
    };
    const { imageSize, numChannels, labels, stages } = checkConfig(timm('swin_tiny_patch4_window7_224', change));
    expect(imageSize).toEqual([192, 256]);
    expect(numChannels).toBe(1);
    expect(labels).toEqual(['cat', 'dog']);
    expect(stages[1]).toMatchObject({ C: 96, windowSize: [6, 8] });
    expect(
      checkConfig({ ...timm('swin_tiny_patch4_window7_224'), model_type: 'timm_wrapper' } as TimmConfig).version,
    ).toBe(1);
    expect(() => checkConfig(timm('swinv2_cr_tiny_ns_224'))).toThrow(/"config.architecture" expected swin_<size>/);
    expect(() => checkConfig(timm('resnet50'))).toThrow(RangeError);
  });

  it('of a larger model holds that of its Swin', () => {
    const larger = { model_type: 'maskformer', backbone_config: { ...TINY, out_features: ['stage1'] } };
    expect(checkConfig(larger as unknown as SwinConfig).outFeatures).toEqual(['stage1']);
    expect(() => checkConfig({ model_type: 'detr', backbone_config: { model_type: 'resnet' } } as never)).toThrow(
      /"config.model_type" expected one of .* got "detr"/,
    );
  });

  it('makes scores of several labels, or of one, independent', () => {
    const of = (change: object) => checkConfig({ ...TINY, ...change }).isSingleLabel;
    expect(of({ num_labels: 3, problem_type: 'multi_label_classification' })).toBe(false);
    expect(of({ num_labels: 1 })).toBe(false);
    expect(of({ num_labels: 3, problem_type: 'single_label_classification' })).toBe(true);
    expect(of({ num_labels: 3, problem_type: null })).toBe(true);
  });
});
