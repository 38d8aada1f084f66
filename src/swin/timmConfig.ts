import { checkObject, describe, message } from '../tensor/check.js';
import type { SwinConfig } from './config.js';

/** The keys of timm's `config.json` on the hub that this library reads. */
export interface TimmConfig {
  /** `'swin_tiny_patch4_window7_224'`, `'swin_s3_base_224'`, `'swinv2_base_window12to16_192to256'`, … */
  readonly architecture: string;
  readonly num_classes?: number;
  readonly label_names?: readonly string[] | Readonly<Record<string, string>>;
  /** Arguments of the model that differ from the architecture's. */
  readonly model_args?: Readonly<Record<string, unknown>>;
  readonly pretrained_cfg?: Readonly<Record<string, unknown>>;
}

const SIZES = {
  tiny: { embed_dim: 96, depths: [2, 2, 6, 2], num_heads: [3, 6, 12, 24] },
  small: { embed_dim: 96, depths: [2, 2, 18, 2], num_heads: [3, 6, 12, 24] },
  base: { embed_dim: 128, depths: [2, 2, 18, 2], num_heads: [4, 8, 16, 32] },
  large: { embed_dim: 192, depths: [2, 2, 18, 2], num_heads: [6, 12, 24, 48] },
};

/** swin_s3: windows found by search, one a stage; its base is a deeper small. */
const SEARCHED = {
  tiny: { ...SIZES.tiny, window_size: [7, 7, 14, 7] },
  small: { ...SIZES.small, window_size: [14, 14, 14, 7] },
  base: { ...SIZES.small, depths: [2, 2, 30, 2], window_size: [7, 7, 14, 7] },
};

/** A config without a `model_type` of transformers, other than that of its wrapper around timm. */
export function isTimmConfig(config: object): config is TimmConfig {
  const { architecture, model_type } = config as { architecture?: unknown; model_type?: unknown };
  return typeof architecture === 'string' && (model_type === undefined || model_type === 'timm_wrapper');
}

/**
 * The config that a timm architecture stands for. Source: timm 1.0, `swin_transformer.py`, `swin_transformer_v2.py`, and
 * `_hub.py` for the layout of its `config.json`.
 * @throws RangeError for an architecture that is no Swin V1 or V2.
 */
export function swinConfigOfTimm(config: TimmConfig): SwinConfig {
  const pretrained = checkObject('config.pretrained_cfg', config.pretrained_cfg ?? config);
  const args = checkObject('config.model_args', config.model_args ?? {});
  const [channels, ...size] = (pretrained.input_size ?? [3, 224, 224]) as [number, number, number];
  const names = config.label_names ?? (pretrained.label_names as TimmConfig['label_names']);
  return {
    ...architectureOf(config.architecture),
    patch_size: 4,
    image_size: size,
    num_channels: channels,
    num_labels: config.num_classes ?? (pretrained.num_classes as number | undefined) ?? 1000,
    ...(names && { id2label: Object.fromEntries(Object.entries(names)) }),
    ...Object.fromEntries(Object.entries(args).map(([key, value]) => [KEYS[key] ?? key, value])),
  };
}

/** Names of timm's arguments that differ from the config's. */
const KEYS: Readonly<Record<string, string>> = {
  img_size: 'image_size',
  in_chans: 'num_channels',
  num_classes: 'num_labels',
};

function architectureOf(name: string): SwinConfig {
  const [, searched] = /^swin_s3_(tiny|small|base)_\d+$/.exec(name) ?? [];
  if (searched) return { model_type: 'swin', ...SEARCHED[searched as keyof typeof SEARCHED] };
  const [, size, window] = /^swin_(tiny|small|base|large)_patch4_window(\d+)_\d+$/.exec(name) ?? [];
  if (size) return { model_type: 'swin', ...SIZES[size as keyof typeof SIZES], window_size: Number(window) };
  // swinv2_base_window12to24_192to384 was trained with windows of 12 and tuned with 24.
  const [, sizeV2, first, tuned] = /^swinv2_(tiny|small|base|large)_window(\d+)(?:to(\d+))?_/.exec(name) ?? [];
  if (sizeV2) {
    return {
      model_type: 'swinv2',
      ...SIZES[sizeV2 as keyof typeof SIZES],
      window_size: Number(tuned ?? first),
      ...(tuned && { pretrained_window_sizes: [12, 12, 12, 6] }),
    };
  }
  const expected = 'swin_<size>_patch4_window<n>_<image>, swin_s3_<size>_<image> or swinv2_<size>_window<n>_<image>';
  throw new RangeError(message('config.architecture', expected, describe(name)));
}
