import { checkFinite, checkInteger, checkObject, checkOneOf, describe, message } from '../tensor/check.js';

/** The keys of Hugging Face's `config.json` that this library reads; others are ignored. */
export interface SwinConfig {
  readonly model_type: 'swin' | 'swinv2';
  readonly image_size: number | readonly [number, number];
  readonly patch_size: number | readonly [number, number];
  readonly num_channels?: number;
  readonly embed_dim: number;
  readonly depths: readonly number[];
  readonly num_heads: readonly number[];
  readonly window_size: number | readonly [number, number];
  /** Swin V2: windows of the pre-training, one a stage, 0 for none. */
  readonly pretrained_window_sizes?: readonly number[];
  readonly mlp_ratio?: number;
  readonly qkv_bias?: boolean;
  readonly layer_norm_eps?: number;
  readonly hidden_act?: string;
  readonly use_absolute_embeddings?: boolean;
  readonly id2label?: Readonly<Record<string, string>>;
  readonly num_labels?: number;
}

/** A checked config: sizes as pairs, defaults filled in. */
export interface Architecture {
  readonly version: 1 | 2;
  readonly imageSize: readonly [number, number];
  readonly patchSize: readonly [number, number];
  readonly numChannels: number;
  readonly stages: readonly StageShape[];
  readonly windowSize: readonly [number, number];
  readonly pretrainedWindowSizes: readonly number[];
  readonly layerNormEps: number;
  readonly hasQkvBias: boolean;
  readonly labels: readonly string[];
}

export interface StageShape {
  readonly depth: number;
  /** Channels. */
  readonly C: number;
  readonly numHeads: number;
  /** Hidden channels of the MLP. */
  readonly hidden: number;
}

/**
 * Checks a `config.json`.
 * @throws TypeError for a value of a wrong type; RangeError for one that no Swin can have, or that is not supported.
 */
export function checkConfig(config: SwinConfig): Architecture {
  checkObject('config', config);
  checkOneOf('config.model_type', config.model_type, ['swin', 'swinv2']);
  requireValue('hidden_act', config.hidden_act ?? 'gelu', 'gelu');
  requireValue('use_absolute_embeddings', config.use_absolute_embeddings ?? false, false);
  const embedDim = checkInteger('config.embed_dim', config.embed_dim, 1);
  const depths = integers('depths', config.depths);
  const numHeads = integers('num_heads', config.num_heads);
  if (numHeads.length !== depths.length) {
    throw new RangeError(message('config.num_heads', `one number a stage of ${depths.length}`, describe(numHeads)));
  }
  const mlpRatio = checkFinite('config.mlp_ratio', config.mlp_ratio ?? 4);
  const eps = checkFinite('config.layer_norm_eps', config.layer_norm_eps ?? 1e-5);
  if (eps < 0) throw new RangeError(message('config.layer_norm_eps', 'a number ≥ 0', describe(eps)));
  return {
    version: config.model_type === 'swin' ? 1 : 2,
    imageSize: pair('image_size', config.image_size),
    patchSize: pair('patch_size', config.patch_size),
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
      };
    }),
    windowSize: pair('window_size', config.window_size),
    pretrainedWindowSizes: pretrainedOf(config),
    layerNormEps: eps,
    hasQkvBias: config.qkv_bias ?? true,
    labels: labelsOf(config),
  };
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

function requireValue(key: string, value: unknown, expected: unknown): void {
  if (value !== expected) throw new RangeError(message(`config.${key}`, describe(expected), describe(value)));
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
  if (value.length !== 2)
    throw new RangeError(message(`config.${key}`, 'a number or [height, width]', describe(value)));
  return [
    checkInteger(`config.${key}[0]`, value[0], 1, 2 ** 20),
    checkInteger(`config.${key}[1]`, value[1], 1, 2 ** 20),
  ];
}
