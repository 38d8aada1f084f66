import { checkFinite, checkInteger, checkObject, checkOneOf, describe, message } from '../tensor/check.js';
import { isTimmConfig, swinConfigOfTimm, type TimmConfig } from './timmConfig.js';

/** One size for both axes, or `[height, width]`. */
type Sizes = number | readonly [number, number];

/** The keys of Hugging Face's `config.json` that this library reads; others are ignored. */
export interface SwinConfig {
  readonly model_type: 'swin' | 'swinv2' | 'donut-swin' | 'maskformer-swin';
  /** The size that the model was built for, 224 by default. */
  readonly image_size?: Sizes;
  readonly patch_size?: Sizes;
  readonly num_channels?: number;
  readonly embed_dim: number;
  readonly depths: readonly number[];
  readonly num_heads: readonly number[];
  /** One for all stages, `[height, width]`, or one a stage (of three or more). */
  readonly window_size?: Sizes | readonly Sizes[];
  /** Swin V2: windows of the pre-training, one a stage, 0 for none. */
  readonly pretrained_window_sizes?: readonly number[];
  readonly mlp_ratio?: number;
  readonly qkv_bias?: boolean;
  readonly layer_norm_eps?: number;
  readonly hidden_act?: string;
  readonly use_absolute_embeddings?: boolean;
  readonly id2label?: Readonly<Record<string, string>>;
  readonly num_labels?: number;
  /** `'multi_label_classification'`: every label has a probability of its own. */
  readonly problem_type?: string | null;
  /** Feature maps of a backbone: `'stem'`, `'stage1'`, …; or, as `out_indices`, their numbers. */
  readonly out_features?: readonly string[] | null;
  readonly out_indices?: readonly number[] | null;
  /** What int8 tensors, or tensors of another kind, are; of floats it says nothing. */
  readonly quantization_config?: object | null;
}

/** A checked config: sizes as pairs, defaults filled in. */
export interface Architecture {
  readonly version: 1 | 2;
  readonly modelType: SwinConfig['model_type'];
  readonly imageSize: readonly [number, number];
  readonly patchSize: readonly [number, number];
  readonly numChannels: number;
  readonly stages: readonly StageShape[];
  readonly layerNormEps: number;
  readonly hasQkvBias: boolean;
  readonly hasPositionEmbeddings: boolean;
  readonly labels: readonly string[];
  /** Whether labels exclude each other: softmax, where others take a sigmoid each. */
  readonly isSingleLabel: boolean;
  readonly outFeatures: readonly string[] | undefined;
  readonly outIndices: readonly number[] | undefined;
}

export interface StageShape {
  readonly depth: number;
  /** Channels. */
  readonly C: number;
  readonly numHeads: number;
  /** Hidden channels of the MLP. */
  readonly hidden: number;
  readonly windowSize: readonly [number, number];
  /** Swin V2: the window of the pre-training, 0 for none. */
  readonly pretrainedWindowSize: number;
}

const MODEL_TYPES = ['swin', 'swinv2', 'donut-swin', 'maskformer-swin'] as const;

/**
 * Checks a `config.json`: of a Swin, of timm's hub, or of a model that keeps its Swin's under `backbone_config` or
 * `encoder`. Defaults are those of transformers, `SwinConfig`.
 * @throws TypeError for a value of a wrong type; RangeError for one that no Swin can have, or that is not supported.
 */
export function checkConfig(given: SwinConfig | TimmConfig): Architecture {
  const config = swinConfigOf(checkObject('config', given));
  checkOneOf('config.model_type', config.model_type, MODEL_TYPES);
  const hiddenAct = config.hidden_act ?? 'gelu';
  if (hiddenAct !== 'gelu') throw new RangeError(message('config.hidden_act', '"gelu"', describe(hiddenAct)));
  const embedDim = checkInteger('config.embed_dim', config.embed_dim, 1);
  const depths = integers('depths', config.depths);
  const numHeads = integers('num_heads', config.num_heads);
  if (numHeads.length !== depths.length) {
    throw new RangeError(message('config.num_heads', `one number a stage of ${depths.length}`, describe(numHeads)));
  }
  const mlpRatio = checkFinite('config.mlp_ratio', config.mlp_ratio ?? 4);
  const eps = checkFinite('config.layer_norm_eps', config.layer_norm_eps ?? 1e-5);
  if (eps < 0) throw new RangeError(message('config.layer_norm_eps', 'a number ≥ 0', describe(eps)));
  const windows = windowsOf(config.window_size ?? 7, depths.length);
  const pretrained = pretrainedOf(config);
  const labels = labelsOf(config);
  return {
    version: config.model_type === 'swinv2' ? 2 : 1,
    modelType: config.model_type,
    imageSize: pair('image_size', config.image_size ?? 224),
    patchSize: pair('patch_size', config.patch_size ?? 4),
    numChannels: checkInteger('config.num_channels', config.num_channels ?? 3, 1),
    stages: depths.map((depth, stage) => {
      const C = embedDim * 2 ** stage;
      const heads = numHeads[stage] as number;
      if (C % heads !== 0) {
        throw new RangeError(message(`config.num_heads[${stage}]`, `a divisor of ${C} channels`, describe(heads)));
      }
      return {
        depth,
        C,
        numHeads: heads,
        hidden: checkInteger('config.mlp_ratio × channels', Math.floor(C * mlpRatio), 1),
        windowSize: windows[stage] as [number, number],
        pretrainedWindowSize: pretrained[stage] ?? 0,
      };
    }),
    layerNormEps: eps,
    hasQkvBias: config.qkv_bias ?? true,
    hasPositionEmbeddings: config.use_absolute_embeddings ?? false,
    labels,
    isSingleLabel: labels.length > 1 && config.problem_type !== 'multi_label_classification',
    outFeatures: list('out_features', config.out_features, 'string'),
    outIndices: list('out_indices', config.out_indices, 'number'),
  };
}

/** The config itself, that of a timm architecture, or the one that a larger model's holds. */
function swinConfigOf(config: Record<string, unknown>): SwinConfig {
  if (isTimmConfig(config)) return swinConfigOfTimm(config);
  if (!MODEL_TYPES.includes(config.model_type as SwinConfig['model_type'])) {
    for (const inner of [config.backbone_config, config.encoder] as (Partial<SwinConfig> | undefined)[]) {
      if (MODEL_TYPES.includes(inner?.model_type as SwinConfig['model_type'])) return inner as SwinConfig;
    }
  }
  return config as unknown as SwinConfig;
}

/** The window of each stage. A list of two is `[height, width]`, as in timm, also where there are two stages. */
function windowsOf(value: unknown, stages: number): [number, number][] {
  if (!Array.isArray(value) || value.length === 2) return Array(stages).fill(pair('window_size', value));
  if (value.length !== stages) {
    const expected = `a number, [height, width], or one a stage of ${stages}`;
    throw new RangeError(message('config.window_size', expected, describe(value)));
  }
  return value.map((size, stage) => pair(`window_size[${stage}]`, size));
}

function pretrainedOf({ pretrained_window_sizes: sizes }: SwinConfig): number[] {
  if (sizes === undefined) return [];
  if (!Array.isArray(sizes)) {
    throw new TypeError(message('config.pretrained_window_sizes', 'an array of integers', describe(sizes)));
  }
  return sizes.map((size, i) => checkInteger(`config.pretrained_window_sizes[${i}]`, size, 0, 2 ** 20));
}

function labelsOf({ id2label, num_labels }: SwinConfig): string[] {
  const count = num_labels ?? (id2label ? Object.keys(checkObject('config.id2label', id2label)).length : 2);
  checkInteger('config.num_labels', count, 1, 1e6);
  return Array.from({ length: count }, (_, i) => {
    const label = id2label?.[String(i)] ?? `LABEL_${i}`;
    if (typeof label !== 'string') throw new TypeError(message(`config.id2label[${i}]`, 'a string', describe(label)));
    return label;
  });
}

function list<T>(key: string, value: readonly T[] | null | undefined, type: 'string' | 'number') {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.some((item) => typeof item !== type)) {
    throw new TypeError(message(`config.${key}`, `an array of ${type}s`, describe(value)));
  }
  return value as readonly T[];
}

function integers(key: string, value: unknown): number[] {
  if (!Array.isArray(value)) throw new TypeError(message(`config.${key}`, 'an array of integers', describe(value)));
  if (value.length === 0) throw new RangeError(message(`config.${key}`, 'a stage or more', describe(value)));
  return value.map((n, i) => checkInteger(`config.${key}[${i}]`, n, 1, 2 ** 20));
}

function pair(key: string, value: unknown): [number, number] {
  if (!Array.isArray(value)) {
    const size = checkInteger(`config.${key}`, value, 1, 2 ** 20);
    return [size, size];
  }
  if (value.length !== 2) {
    throw new RangeError(message(`config.${key}`, 'a number or [height, width]', describe(value)));
  }
  return [
    checkInteger(`config.${key}[0]`, value[0], 1, 2 ** 20),
    checkInteger(`config.${key}[1]`, value[1], 1, 2 ** 20),
  ];
}
