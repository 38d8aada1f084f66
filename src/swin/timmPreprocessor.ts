import { checkObject, describe, message } from '../tensor/check.js';
import type { PreprocessorConfig } from './preprocessor.js';
import { RESAMPLE } from './resize.js';
import { isTimmConfig } from './timmConfig.js';

/** What timm uses where a `pretrained_cfg` says nothing. */
const DEFAULTS = { crop_pct: 0.875, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * The preprocessing that a timm model's config describes; undefined for another's.
 * Source: timm, `resolve_data_config` and `transforms_imagenet_eval`.
 * @throws RangeError for an interpolation or a crop mode that this library does not have.
 */
export function timmPreprocessor(config: object): PreprocessorConfig | undefined {
  if (typeof config !== 'object' || config === null || !isTimmConfig(config)) return undefined;
  const own = config.pretrained_cfg ?? config;
  const { input_size, crop_pct, crop_mode, interpolation, mean, std } = checkObject('config.pretrained_cfg', own);
  const filter = interpolation ?? 'bicubic';
  if (typeof filter !== 'string' || !Object.hasOwn(RESAMPLE, filter)) {
    const expected = `one of ${Object.keys(RESAMPLE).join(', ')}`;
    throw new RangeError(message('config.pretrained_cfg.interpolation', expected, describe(filter)));
  }
  if (crop_mode !== undefined && crop_mode !== null && crop_mode !== 'center') {
    throw new RangeError(message('config.pretrained_cfg.crop_mode', '"center"', describe(crop_mode)));
  }
  const size = Array.isArray(input_size) ? (input_size.slice(1) as unknown as readonly [number, number]) : 224;
  return {
    size,
    crop_pct: (crop_pct ?? DEFAULTS.crop_pct) as number,
    resample: RESAMPLE[filter as keyof typeof RESAMPLE],
    image_mean: (mean ?? DEFAULTS.mean) as number[],
    image_std: (std ?? DEFAULTS.std) as number[],
  };
}
